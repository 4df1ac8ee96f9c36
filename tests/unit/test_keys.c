/* The table of keys: complete, without doubles, and every key known to the PS/2 keyboard. */
#include "frontend/keys.h"
#include "frontend/layouts.h"

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

/* ---- layouts ---- */

static const struct texts {
    const char *name, *text[3];
} texts[] = {
#define LAYOUT(name, plain, shift, altgr, dead, dead_altgr) {name, {plain, shift, altgr}},
#include "frontend/layouts.def"
#undef LAYOUT
};

static unsigned count(const char *text)
{
    unsigned n = 0;

    while (layout_next_char(&text))
        n++;
    return n;
}

static void test_layouts_are_whole(void **state)
{
    const struct layout *l;
    struct layout_key key;
    const char *text;
    u32 c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(layout_find(texts[i].name, &l));
        for (unsigned level = 0; level < 3; level++) {
            assert_int_equal(count(texts[i].text[level]), 48);
            text = texts[i].text[level];
            while ((c = layout_next_char(&text))) {
                if (c == ' ')
                    continue;
                key = layout_key(l, c);
                assert_int_not_equal(key.number, 0);
                assert_true(key.modifiers <= level || !key.dead); /* or with less */
            }
        }
        for (c = 'a'; c <= 'z'; c++)
            assert_int_equal(layout_key(l, c).number, layout_key(l, c - 32).number);
        assert_int_equal(layout_key(l, 0xff0d).number, 0x1c);
        assert_int_equal(layout_key(l, ' ').number, 0x39);
        assert_int_equal(layout_key(l, 0xfe03).number, KEY_ALT_R);
    }
}

static void test_places(void **state)
{
    static const struct {
        const char *layout;
        u32 symbol;
        u8 number;
        unsigned modifiers;
        bool dead;
    } cases[] = {
        {"de", 'z', 0x15, 0, false},
        {"de", '@', 0x10, LAYOUT_ALT_GR, false},
        {"de", '?', 0x0c, LAYOUT_SHIFT, false},
        {"de", 0x20ac, 0x12, LAYOUT_ALT_GR, false},
        {"de", 0x10000e4, 0x28, 0, false},
        {"de", '^', 0x29, 0, true},
        {"fr", '1', 0x02, LAYOUT_SHIFT, false},
        {"fr", '^', 0x0a, LAYOUT_ALT_GR, false},
        {"fr", 0xfe52, 0x1a, 0, true},
        {"it", '~', 0, 0, false},
        {"en-gb", '"', 0x03, LAYOUT_SHIFT, false},
        {"en-us", '"', 0x28, LAYOUT_SHIFT, false},
        {"en-us", 0xe4, 0, 0, false},
    };
    const struct layout *l;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct layout_key key;
        assert_true(layout_find(cases[i].layout, &l));
        key = layout_key(l, cases[i].symbol);
        assert_int_equal(key.number, cases[i].number);
        assert_int_equal(key.modifiers, cases[i].modifiers);
        assert_int_equal(key.dead, cases[i].dead);
    }
    assert_false(layout_find("xx", &l));
    assert_null(l);
}

static void test_utf8(void **state)
{
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xff\xc3z\xe2\x82";
    static const u32 wanted[] = {'a', 0xe4, 0x20ac, 0x1f600, 0xff, 0xc3, 'z', 0xe2, 0x82, 0, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(layout_next_char(&text), wanted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_doubles),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_layouts_are_whole),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_105_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
