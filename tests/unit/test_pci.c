/* PCI: configuration mechanism #1, base address registers, interrupt routing, reset control. */
#include "tests/unit/devtest.h"

#include "base/bytes.h"
#include "devices/pci.h"
#include "mmu/phys.h"

#define ANY_SLOT 99

/* A card with an I/O bar and a memory bar. */
struct card {
    struct dev dev;
    struct pci_func pci;
    u32 slot;
    u32 last_port;
    u64 last_addr;
};

static const struct field card_fields[] = {
    FIELD_SUB(struct card, pci, pci_func_fields),
    FIELD_END,
};

static const struct prop card_props[] = {
    PROP_U32(struct card, slot, "3"),
    PROP_END,
};

static u32 card_in(void *opaque, u16 port, unsigned size)
{
    struct card *c = opaque;
    (void)size;
    c->last_port = port;
    return 0x5a;
}

static u64 card_read(void *opaque, u64 addr, unsigned size)
{
    struct card *c = opaque;
    (void)size;
    c->last_addr = addr;
    return 0x12345678;
}

static void card_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    (void)opaque;
    (void)addr;
    (void)size;
    (void)value;
}

static void card_reset(struct dev *dev)
{
    pci_func_reset(&((struct card *)dev)->pci);
}

static const char *card_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops io = {.read = card_in};
    static const struct mmio_ops mem = {card_read, card_write, 4, 4};
    static const struct pci_id id = {
        .vendor = 0x1234, .device = 0x5678, .class_code = 0xff0000, .revision = 7, .pin = 1};
    struct card *c = (struct card *)dev;
    u8 devfn = c->slot == ANY_SLOT ? PCI_DEVFN_ANY : PCI_DEVFN(c->slot, 0);
    const char *refusal = pci_func_init(&c->pci, bus, devfn, &id);

    if (refusal)
        return refusal;
    pci_add_io_bar(&c->pci, 0, 16, &io, c);
    pci_add_mem_bar(&c->pci, 1, 8192, &mem, c);
    return NULL;
}

static const struct dev_type dev_card = {
    .name = "card",
    .size = sizeof(struct card),
    .version = 1,
    .fields = card_fields,
    .props = card_props,
    .init = card_init,
    .reset = card_reset,
};

static struct devtest *open_pci(void)
{
    struct devtest *t = dt_open();
    t->bus->phys = phys_new(4u << 20);
    dt_dev(t, &dev_i8259, NULL);
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_piix3_isa, NULL);
    return t;
}

static void close_pci(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static u32 conf(struct devtest *t, u8 devfn, u8 addr)
{
    bus_out(t->bus, 0xcf8, 4, 0x80000000u | (u32)devfn << 8 | (addr & 0xfc));
    return bus_in(t->bus, 0xcfc, 4);
}

static void set_conf(struct devtest *t, u8 devfn, u8 addr, u32 value)
{
    bus_out(t->bus, 0xcf8, 4, 0x80000000u | (u32)devfn << 8 | (addr & 0xfc));
    bus_out(t->bus, 0xcfc, 4, value);
}

static void test_mechanism(void **state)
{
    struct devtest *t = open_pci();

    (void)state;
    dt_script(t, "outl cf8 80000000; inl cf8 80000000; inl cfc 12378086");
    dt_script(t, "inw cfc 8086; inw cfe 1237; in cff 12; in cfd 80");
    /* A byte to CFBh is no address; that is how Linux tells the mechanisms apart. */
    dt_script(t, "out cfb 1; inl cf8 80000000; in cf8 ff");
    dt_script(t, "outl cf8 80000800; inl cfc 70008086; outl cf8 8000080c; inl cfc 00800000");
    /* Disabled, an absent function, another bus, an unaligned word over the end of the dword. */
    dt_script(t, "outl cf8 800; inl cfc ffffffff; outl cf8 80001000; inl cfc ffffffff");
    dt_script(t, "outl cf8 80010000; inl cfc ffffffff; outl cf8 80000000; inw cff ffff");
    /* Read-only registers stay. */
    dt_script(t, "outl cf8 80000000; outl cfc 0; inl cfc 12378086; outl cf8 80000008; outl cfc 0");
    dt_script(t, "inl cfc 06000002");
    close_pci(t);
}

static void test_io_bar(void **state)
{
    struct devtest *t = open_pci();
    struct card *c = (struct card *)dt_dev(t, &dev_card, NULL);
    u8 fn = PCI_DEVFN(3, 0);

    (void)state;
    assert_int_equal(conf(t, fn, 0x10), 1);
    set_conf(t, fn, 0x10, 0xffffffff);
    assert_int_equal(conf(t, fn, 0x10), 0xfffffff1);
    set_conf(t, fn, 0x10, 0x1230);
    assert_int_equal(bus_in(t->bus, 0x1230, 1), 0xff); /* not enabled */
    set_conf(t, fn, 0x04, PCI_COMMAND_IO);
    assert_int_equal(bus_in(t->bus, 0x123f, 1), 0x5a);
    assert_int_equal(c->last_port, 0x123f);
    assert_int_equal(bus_in(t->bus, 0x1240, 1), 0xff);
    set_conf(t, fn, 0x10, 0x2000);
    assert_int_equal(bus_in(t->bus, 0x1230, 1), 0xff);
    assert_int_equal(bus_in(t->bus, 0x2000, 1), 0x5a);
    /* Addresses without sense: beyond the ports, while sizing, nought. */
    set_conf(t, fn, 0x10, 0x12340000);
    set_conf(t, fn, 0x10, 0xffffffff);
    set_conf(t, fn, 0x10, 0);
    assert_int_equal(bus_in(t->bus, 0x2000, 1), 0xff);
    assert_int_equal(bus_in(t->bus, 0, 1), 0xff);
    /* The last of all ports; then over the interrupt controller, and away again. */
    set_conf(t, fn, 0x10, 0xfff0);
    assert_int_equal(bus_in(t->bus, 0xffff, 1), 0x5a);
    dt_script(t, "out 21 77");
    set_conf(t, fn, 0x10, 0x20);
    assert_int_equal(bus_in(t->bus, 0x21, 1), 0x5a);
    set_conf(t, fn, 0x04, 0);
    dt_script(t, "in 21 77");
    bus_reset(t->bus);
    assert_int_equal(conf(t, fn, 0x10), 1);
    close_pci(t);
}

static void test_memory_bar(void **state)
{
    struct devtest *t = open_pci();
    struct card *c = (struct card *)dt_dev(t, &dev_card, NULL);
    u8 fn = PCI_DEVFN(3, 0);

    (void)state;
    set_conf(t, fn, 0x14, 0xffffffff);
    assert_int_equal(conf(t, fn, 0x14), 0xffffe000);
    set_conf(t, fn, 0x04, PCI_COMMAND_MEMORY); /* enabled while it holds ones: stays unmapped */
    assert_int_equal(phys_read(t->bus->phys, 0xffffe000, 4), 0xffffffff);
    set_conf(t, fn, 0x14, 0xe0000000);
    assert_int_equal(phys_read(t->bus->phys, 0xe0001ffc, 4), 0x12345678);
    assert_int_equal(c->last_addr, 0x1ffc);
    set_conf(t, fn, 0x14, 0xe0010000);
    assert_int_equal(phys_read(t->bus->phys, 0xe0000000, 4), 0xffffffff);
    /* RAM answers before the card does. */
    phys_write(t->bus->phys, 0x200000, 4, 42);
    set_conf(t, fn, 0x14, 0x200000);
    assert_int_equal(phys_read(t->bus->phys, 0x200000, 4), 42);
    set_conf(t, fn, 0x14, 0xe0000000);
    bus_reset(t->bus);
    assert_int_equal(phys_read(t->bus->phys, 0xe0000000, 4), 0xffffffff);
    close_pci(t);
}

static void test_interrupts(void **state)
{
    struct devtest *t = open_pci();
    struct card *a = (struct card *)dt_dev(t, &dev_card, "slot=3");
    struct card *b = (struct card *)dt_dev(t, &dev_card, "slot=7"); /* the same PIRQ */
    u8 isa = PCI_DEVFN(1, 0);

    (void)state;
    pci_set_intx(&a->pci, true); /* not routed: goes nowhere */
    for (unsigned n = 0; n < BUS_IRQS; n++)
        assert_false(t->level[n]);
    set_conf(t, isa, 0x60, 0x800b8080); /* PIRQC to IRQ 11 */
    assert_true(t->level[11]);
    pci_set_intx(&b->pci, true);
    pci_set_intx(&a->pci, false);
    assert_true(t->level[11]);
    set_conf(t, isa, 0x60, 0x80058080); /* moves while it is high */
    assert_false(t->level[11]);
    assert_true(t->level[5]);
    set_conf(t, isa, 0x60, 0x80008080); /* IRQ 0 cannot be routed to */
    assert_false(t->level[5]);
    assert_false(t->level[0]);
    set_conf(t, isa, 0x60, 0x80058080);
    bus_reset(t->bus);
    assert_false(t->level[5]);
    assert_int_equal(conf(t, isa, 0x60), 0x80808080);
    close_pci(t);
}

static void test_reset_control(void **state)
{
    struct devtest *t = open_pci();

    (void)state;
    dt_script(t, "out cf9 2; in cf9 2");
    assert_int_equal(t->requests[BUS_RESET], 0);
    dt_script(t, "out cf9 6");
    assert_int_equal(t->requests[BUS_RESET], 1);
    dt_script(t, "out cf9 6"); /* no edge */
    assert_int_equal(t->requests[BUS_RESET], 1);
    /* A dword at CF8h is an address, not a reset. */
    dt_script(t, "out cf9 0; outl cf8 80000600; inl cf8 80000600; in cf9 0");
    assert_int_equal(t->requests[BUS_RESET], 1);
    close_pci(t);
}

static void test_refusals(void **state)
{
    struct devtest *t = dt_open();
    char err[128] = "";

    (void)state;
    assert_null(dev_create(t->bus, &dev_card, NULL, err, sizeof(err)));
    assert_non_null(strstr(err, "no PCI bus"));
    dt_dev(t, &dev_i440fx, NULL);
    assert_null(dev_create(t->bus, &dev_i440fx, NULL, err, sizeof(err)));
    assert_null(dev_create(t->bus, &dev_card, "slot=0", err, sizeof(err)));
    assert_non_null(strstr(err, "taken"));
    dt_close(t);
}

static void test_addresses(void **state)
{
    u8 devfn;
    (void)state;
    assert_true(pci_parse_addr(NULL, &devfn));
    assert_int_equal(devfn, PCI_DEVFN_ANY);
    assert_true(pci_parse_addr("1f", &devfn));
    assert_int_equal(devfn, PCI_DEVFN(31, 0));
    assert_true(pci_parse_addr("04.0", &devfn));
    assert_int_equal(devfn, PCI_DEVFN(4, 0));
    assert_false(pci_parse_addr("20", &devfn) || pci_parse_addr("", &devfn) ||
                 pci_parse_addr("4.1", &devfn) || pci_parse_addr("4x", &devfn));
}

/* Cards without a slot of their own take the first free ones, until there is none. */
static void test_any_slot(void **state)
{
    struct devtest *t = dt_open();
    char err[200];
    (void)state;
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_card, "slot=4");
    for (unsigned slot = PCI_FIRST_SLOT; slot < 32; slot++) {
        if (slot == 4)
            continue;
        struct card *c = (struct card *)dt_dev(t, &dev_card, "slot=99");
        assert_int_equal(c->pci.devfn, PCI_DEVFN(slot, 0));
    }
    assert_null(dev_create(t->bus, &dev_card, "slot=99", err, sizeof(err)));
    dt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mechanism),     cmocka_unit_test(test_io_bar),
        cmocka_unit_test(test_memory_bar),    cmocka_unit_test(test_interrupts),
        cmocka_unit_test(test_reset_control), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_addresses),     cmocka_unit_test(test_any_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
