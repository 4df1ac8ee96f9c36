/* The ACPI tables as an operating system reads them, and the power management they point to. */
#define _GNU_SOURCE
#include "tests/unit/devtest.h"

#include "base/bytes.h"
#include "devices/acpi_tables.h"
#include "devices/aml.h"
#include "devices/pci.h"
#include "devices/piix4_pm.h"
#include "tests/fuzz/pc_setup.h"

static u8 image[ACPI_TABLES_SIZE];
static bool apic = true; /* of the board that build() describes */

static const u8 *at(u32 address)
{
    assert_in_range(address, ACPI_TABLES_BASE, ACPI_TABLES_BASE + ACPI_TABLES_SIZE - 1);
    return image + (address - ACPI_TABLES_BASE);
}

static u8 sum(const u8 *p, u32 len)
{
    u8 total = 0;
    while (len--)
        total += *p++;
    return total;
}

static u32 get(const u8 *p, u32 offset, unsigned size)
{
    return (u32)load_le(p + offset, size);
}

/* A table of this signature, whole and with a good checksum. */
static const u8 *table(u32 address, const char *signature)
{
    const u8 *t = at(address);
    assert_memory_equal(t, signature, 4);
    at(address + get(t, 4, 4) - 1);
    assert_int_equal(sum(t, get(t, 4, 4)), 0);
    return t;
}

static void build(const char *serial)
{
    struct acpi_config config = {
        .ram_bytes = 128u << 20,
        .parallel = strchr(serial, 'P'),
        .floppy = strchr(serial, 'F'),
        .apic = apic,
    };
    for (unsigned n = 0; n < 4; n++)
        config.serial[n] = strchr(serial, '1' + (int)n);
    memset(image, 0xff, sizeof(image));
    acpi_build(&config, image);
}

/* The n-th table of the RSDT. */
static const u8 *find_table(unsigned n, const char *signature)
{
    const u8 *rsdt;

    assert_memory_equal(image, "RSD PTR ", 8);
    assert_int_equal(sum(image, 20), 0);
    rsdt = table(get(image, 16, 4), "RSDT");
    assert_true(get(rsdt, 4, 4) >= 40 + 4 * n);
    return table(get(rsdt, 36 + 4 * n, 4), signature);
}

static const u8 *find_fadt(void)
{
    return find_table(0, "FACP");
}

static void test_tables(void **state)
{
    const u8 *fadt, *facs;

    (void)state;
    build("1");
    fadt = find_fadt();
    assert_int_equal(get(fadt, 4, 4), 244);
    facs = at(get(fadt, 36, 4));
    assert_memory_equal(facs, "FACS", 4);
    assert_int_equal(get(facs, 4, 4), 64);
    assert_int_equal(get(fadt, 36, 4) % 64, 0);
    table(get(fadt, 40, 4), "DSDT");
    assert_int_equal(get(fadt, 36, 4), get(fadt, 132, 4));
    assert_int_equal(get(fadt, 40, 4), get(fadt, 140, 4));
    assert_int_equal(get(fadt, 46, 2), 9);
    assert_int_equal(get(fadt, 56, 4), 0x600);
    assert_int_equal(get(fadt, 64, 4), 0x604);
    assert_int_equal(get(fadt, 76, 4), 0x608);
    assert_int_equal(get(fadt, 152, 4), 0x600);
    assert_int_equal(get(fadt, 120, 4), 0xcf9);
}

static void test_madt(void **state)
{
    static const u8 entries[] = {
        0, 8,  0,    0,  1,  0, 0,    0,                  /* the local APIC */
        1, 12, 0,    0,  0,  0, 0xc0, 0xfe, 0,   0, 0, 0, /* the I/O APIC, from interrupt 0 on */
        2, 10, 0,    0,  2,  0, 0,    0,    0,   0,       /* the PIT at input 2 */
        2, 10, 0,    5,  5,  0, 0,    0,    0xd, 0,       /* level triggered, high: 5, 9, 10, 11 */
        2, 10, 0,    9,  9,  0, 0,    0,    0xd, 0,       /* */
        2, 10, 0,    10, 10, 0, 0,    0,    0xd, 0,       /* */
        2, 10, 0,    11, 11, 0, 0,    0,    0xd, 0,       /* */
        4, 6,  0xff, 0,  0,  1,                           /* NMI: LINT1 */
    };
    const u8 *madt;

    (void)state;
    build("1");
    madt = find_table(1, "APIC");
    assert_int_equal(get(madt, 36, 4), 0xfee00000);
    assert_int_equal(get(madt, 40, 4), 1);
    assert_int_equal(get(madt, 4, 4), 44 + sizeof(entries));
    assert_memory_equal(madt + 44, entries, sizeof(entries));
    apic = false;
    build("1");
    apic = true;
    find_table(1, "HPET");
}

static void test_hpet_table(void **state)
{
    const u8 *hpet;

    (void)state;
    build("1");
    hpet = find_table(2, "HPET");
    assert_int_equal(get(hpet, 4, 4), 56);
    assert_int_equal(get(hpet, 36, 4), 0x8086a201);
    assert_int_equal(get(hpet, 40, 4), 64 << 8);
    assert_int_equal(get(hpet, 44, 4), 0xfed00000);
}

/* ---- AML: a parser of what the builder can make ---- */

struct parse {
    const u8 *p, *end;
    char names[4096]; /* every name in order, with a blank after each */
    unsigned packages, depth;
};

static u32 take(struct parse *s, unsigned size)
{
    assert_true((size_t)(s->end - s->p) >= size);
    u32 v = (u32)load_le(s->p, size);
    s->p += size;
    return v;
}

/* The end of a term that starts with its length here. */
static const u8 *take_length(struct parse *s)
{
    const u8 *start = s->p;
    u32 lead = take(s, 1), more = lead >> 6, len = more ? lead & 15 : lead & 63;

    if (more)
        len |= take(s, more) << 4;
    assert_true(len >= (u32)(s->p - start) && len <= (u32)(s->end - start));
    return start + len;
}

static void take_name(struct parse *s)
{
    if (*s->p == '\\')
        take(s, 1);
    u32 name = take(s, 4);
    strncat(s->names, (const char *)&name, 4);
    strcat(s->names, " ");
    assert_true(strlen(s->names) < sizeof(s->names) - 8);
}

/* Descriptors one after the other up to the end tag. */
static void check_resources(const u8 *p, const u8 *end)
{
    while (p < end && *p != 0x79) {
        u32 len = *p & 0x80 ? 3 + (u32)load_le(p + 1, 2) : 1u + (*p & 7);
        assert_true(len <= (size_t)(end - p));
        if (*p == 0x88)
            assert_int_equal(load_le(p + 10, 2) - load_le(p + 8, 2) + 1, load_le(p + 14, 2));
        if (*p == 0x87)
            assert_int_equal(load_le(p + 14, 4) - load_le(p + 10, 4) + 1, load_le(p + 22, 4));
        p += len;
    }
    assert_true(p + 2 == end && *p == 0x79);
}

static void parse_terms(struct parse *s, const u8 *end);

static void parse_term(struct parse *s)
{
    const u8 *end;
    u32 op = take(s, 1), size;

    if (op == 0x5b)
        op = op << 8 | take(s, 1);
    switch (op) {
    case 0x00:
    case 0x01: break;
    case 0x08: take_name(s); break; /* the value is the next term */
    case 0x0a: take(s, 1); break;
    case 0x0b: take(s, 2); break;
    case 0x0c: take(s, 4); break;
    case 0x10:
    case 0x5b82:
        end = take_length(s);
        take_name(s);
        parse_terms(s, end);
        break;
    case 0x11:
        end = take_length(s);
        assert_int_equal(take(s, 1), 0x0a);
        size = take(s, 1);
        assert_int_equal(size, end - s->p);
        check_resources(s->p, end);
        s->p = end;
        break;
    case 0x12: {
        unsigned elements, found = 0;
        end = take_length(s);
        elements = take(s, 1);
        while (s->p < end) {
            parse_term(s);
            found++;
        }
        assert_true(s->p == end);
        assert_int_equal(found, elements);
        s->packages++;
        break;
    }
    default: fail_msg("opcode %x", op);
    }
}

static void parse_terms(struct parse *s, const u8 *end)
{
    while (s->p < end)
        parse_term(s);
    assert_true(s->p == end);
}

static void parse_dsdt(struct parse *s)
{
    const u8 *dsdt = table(get(find_fadt(), 40, 4), "DSDT");
    *s = (struct parse){.p = dsdt + 36, .end = dsdt + get(dsdt, 4, 4)};
    parse_terms(s, s->end);
}

static void test_dsdt(void **state)
{
    static struct parse s;

    (void)state;
    build("13");
    parse_dsdt(&s);
    assert_int_equal(s.packages, 1 + 1 + 32 * 4);
    assert_non_null(strstr(s.names, "_S5_ _SB_ PCI0 _HID _UID _CRS _PRT ISA_ _ADR PIC_ "));
    assert_non_null(strstr(s.names, "KBD_ _HID _CRS "));
    assert_non_null(strstr(s.names, "COM1 _HID _UID _CRS COM3 "));
    assert_null(strstr(s.names, "COM2"));
    assert_null(strstr(s.names, "LPT1"));
    assert_null(strstr(s.names, "FDC0"));
    build("1PF");
    parse_dsdt(&s);
    assert_non_null(strstr(s.names, "COM1 _HID _UID _CRS LPT1 _HID _CRS FDC0 _HID _CRS "));
    assert_non_null(memmem(image, sizeof(image), "\x22\x40\x00\x2a\x04\x00\x79", 7));
    build("");
    parse_dsdt(&s);
    assert_null(strstr(s.names, "COM"));
}

/* Lengths around the places where their encoding grows. */
static void test_aml_lengths(void **state)
{
    static u8 buf[10000];
    static const u32 sizes[] = {0,    50,   51,   52,   53,   54,   55,   56,   57,   58,   59,  60,
                                1000, 4080, 4084, 4085, 4086, 4087, 4088, 4089, 4090, 4091, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct aml a = {.buf = buf, .size = sizeof(buf)};
        struct parse s = {.p = buf};
        u32 scope = aml_scope(&a, "\\_SB_");
        for (u32 n = 0; n < sizes[i]; n++)
            aml_int(&a, n & 1);
        aml_end(&a, scope);
        aml_int(&a, 0x12345);
        s.end = buf + a.len;
        parse_terms(&s, s.end);
    }
}

/* PIRQ routing: what _PRT says is where a card's interrupt really comes out. */
static void test_routing(void **state)
{
    (void)state;
    for (u32 slot = 2; slot < 32; slot++) {
        struct devtest *t = dt_open();
        struct pci_func f = {.intx = false};
        const struct pci_id id = {.vendor = 1, .device = 1, .pin = 2};
        dt_dev(t, &dev_i8259, NULL);
        dt_dev(t, &dev_i440fx, NULL);
        dt_dev(t, &dev_piix3_isa, NULL);
        dt_dev(t, &dev_piix3_ide, NULL);
        dt_dev(t, &dev_piix4_pm, NULL);
        dt_dev(t, &dev_pc_setup, NULL);
        assert_null(pci_func_init(&f, t->bus, PCI_DEVFN(slot, 0), &id));
        pci_set_intx(&f, true);

        static struct parse s;
        build("");
        parse_dsdt(&s);
        /* Package (4) {slot << 16 | ffff, pin 1, 0, line}; the length before it is 0Bh or 0Ah. */
        u8 key[8] = {0x0c, 0xff, 0xff, (u8)slot, 0, 0x01, 0x00, 0x0a};
        const u8 *entry = memmem(image, sizeof(image), key, sizeof(key));
        assert_non_null(entry);
        for (unsigned n = 0; n < BUS_IRQS; n++)
            assert_int_equal(t->level[n], n == entry[8]);
        dt_script(t, "in 4d0 0; in 4d1 e"); /* 9, 10 and 11 are level triggered */
        dt_close(t);
    }
}

/* ---- power management ---- */

static struct devtest *open_pm(void)
{
    struct devtest *t = dt_open();
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_piix3_isa, NULL);
    dt_dev(t, &dev_piix4_pm, NULL);
    dt_dev(t, &dev_pc_setup, NULL);
    return t;
}

static void test_pm_timer(void **state)
{
    struct devtest *t = open_pm();

    (void)state;
    dt_script(t, "inl 608 0; step 1000000000; inl 608 369e99");  /* 3579545 */
    dt_script(t, "inw 60a 36; step 4000000000; inl 608 1118fd"); /* 17897725 modulo 2^24 */
    /* Bit 23 changes 2343.48 ms apart; its event interrupts only when it may. */
    dt_script(
        t, "inw 600 1; outw 600 1; inw 600 0; outw 602 1; irq 9 0; out b2 f1; inw 604 1; irq 9 0");
    dt_script(t, "step 2100000000; irq 9 1; inw 600 1; outw 600 1; irq 9 0; inw 600 0");
    dt_script(t,
              "step 2200000000; irq 9 0; step 100000000; irq 9 1; out b2 f0; irq 9 0; inw 604 0");
    dt_close(t);
}

static void test_soft_off(void **state)
{
    struct devtest *t = open_pm();

    (void)state;
    dt_script(t, "outw 604 3401; outw 604 1"); /* another sleep type; type without the request */
    assert_int_equal(t->requests[BUS_POWEROFF], 0);
    dt_script(t, "outw 604 2001; inw 604 1");
    assert_int_equal(t->requests[BUS_POWEROFF], 1);
    dt_script(t, "out 605 20"); /* as Linux may do it, by bytes */
    assert_int_equal(t->requests[BUS_POWEROFF], 2);
    dt_close(t);
}

static void test_power_button(void **state)
{
    struct devtest *t = open_pm();

    (void)state;
    dt_script(t, "out b2 f1; outw 602 100; irq 9 0");
    journal_input(t->journal, journal_find_channel(t->journal, POWER_BUTTON_CHANNEL), "", 1);
    dt_script(t, "step 1; irq 9 1; inw 600 100; outw 600 100; irq 9 0; inw 600 0");
    dt_close(t);
}

static void test_pm_ports_move(void **state)
{
    struct devtest *t = open_pm();

    (void)state;
    dt_script(t, "outl cf8 80000b40; inl cfc 601; outl cfc ffff; inl cfc ffc1; inl ffc8 0; inl 608 "
                 "ffffffff");
    dt_script(t, "outl cfc 1000; step 1000000; inl 1008 dfb; outl cf8 80000b80; out cfc 0; inl "
                 "1008 ffffffff");
    bus_reset(t->bus);
    dt_script(t, "inl 608 dfb; outl cf8 80000b40; inl cfc 601");
    dt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),       cmocka_unit_test(test_dsdt),
        cmocka_unit_test(test_madt),         cmocka_unit_test(test_hpet_table),
        cmocka_unit_test(test_aml_lengths),  cmocka_unit_test(test_routing),
        cmocka_unit_test(test_pm_timer),     cmocka_unit_test(test_soft_off),
        cmocka_unit_test(test_power_button), cmocka_unit_test(test_pm_ports_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
