/* The table of keys: complete, without doubles, and every key known to the PS/2 keyboard. */
#include "frontend/keys.h"

#include "devices/i8042.h"
#include "devtest.h"

struct row {
    u8 number;
    const char *name;
    unsigned scancode;
    u32 symbol, shifted;
};

static const struct row rows[] = {
#define KEY(number, name, scancode, symbol, shifted) {number, name, scancode, symbol, shifted},
#include "frontend/keys.def"
#undef KEY
};

static void test_no_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
            assert_string_not_equal(rows[i].name, rows[j].name);
            if (rows[i].scancode)
                assert_int_not_equal(rows[i].scancode, rows[j].scancode);
            if (rows[i].symbol)
                assert_int_not_equal(rows[i].symbol, rows[j].symbol);
        }
    }
}

static void test_there_and_back(void **state)
{
    bool shift;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        assert_int_equal(key_by_name(r->name, strlen(r->name)), r->number);
        assert_string_equal(key_name(r->number), r->name);
        if (r->scancode)
            assert_int_equal(key_by_scancode(r->scancode), r->number);
        if (r->symbol)
            assert_int_equal(key_by_symbol(r->symbol, &shift), r->number);
        if (r->shifted)
            assert_int_equal(key_by_symbol(r->shifted, &shift), r->number);
    }
    assert_int_equal(key_by_name("ret-a", 3), 0x1c);
    assert_int_equal(key_by_name("0xd0", 4), 0xd0);
    assert_int_equal(key_by_name("0xg", 3), 0);
    assert_int_equal(key_by_name("nothing", 7), 0);
    assert_int_equal(key_by_name("", 0), 0);
    assert_null(key_name(0));
    assert_int_equal(key_by_scancode(0), 0);
    assert_int_equal(key_by_symbol(0, &shift), 0);
}

/* Every printable character can be typed, and only what is on top of a key needs Shift. */
static void test_characters(void **state)
{
    static const char top[] = "~!@#$%^&*()_+{}|:\"<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool shift;

    (void)state;
    for (u32 c = ' '; c < 0x7f; c++) {
        assert_int_not_equal(key_by_symbol(c, &shift), 0);
        assert_int_equal(shift, strchr(top, (int)c) != NULL);
    }
    assert_int_equal(key_by_symbol('\n', &shift), 0x1c);
    assert_int_equal(key_by_symbol('\t', &shift), 0x0f);
}

/* The keys of a 105-key keyboard, by their positions. */
static void test_105_keys(void **state)
{
    unsigned count = 0;

    (void)state;
    for (unsigned usage = 4; usage <= 101; usage++) {
        if (usage == 50) /* in the place of 49 */
            continue;
        assert_int_not_equal(key_by_scancode(usage), 0);
        count++;
    }
    for (unsigned usage = 224; usage <= 231; usage++, count++)
        assert_int_not_equal(key_by_scancode(usage), 0);
    assert_int_equal(count, 105);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_doubles),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_105_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
