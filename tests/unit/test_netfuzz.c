/* Network cards under random drivers: accesses to their registers, memory full of what may be
 * descriptors, frames from the host, cables pulled, time. Nothing may crash, hang or trip a
 * sanitizer, and the same seed must give the same state. */
#include "tests/unit/net_rig.h"

#define SEEDS    60
#define COMMANDS 3000
#define CARDS    4
#define MEM      0xe0000000u
#define STRIDE   0x100000u

static const struct {
    const struct dev_type *type;
    const char *options;
    u16 port;  /* of its ports, and how many */
    u16 ports; /* 0: in memory */
} cards[CARDS] = {
    {&dev_ne2k_isa, "netdev=n0,irq=5", 0x300, 32},
    {&dev_ne2k_pci, "netdev=n1", 0xc000, 32},
    {&dev_rtl8139, "netdev=n2", 0xc100, 256},
    {&dev_e1000, "netdev=n3", 0, 0},
};

struct world {
    struct devtest *t;
    struct net_rig rig[CARDS];
    u64 seed;
};

static u32 next(struct world *w)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(w->seed >> 33);
}

/* Bars of the cards in slots 3, 4 and 5, bus mastering. */
static void map(struct world *w)
{
    struct pci_bus *pci = pci_find(w->t->bus);
    static const u32 bars[3][2] = {
        {0xc001, 0}, {0xc101, MEM + 2 * STRIDE}, {MEM + 3 * STRIDE, 0xc201}};

    for (unsigned i = 0; i < 3; i++) {
        u8 devfn = PCI_DEVFN(PCI_FIRST_SLOT + i, 0);
        pci_config_write(pci, devfn, PCI_BAR0, 4, bars[i][0]);
        pci_config_write(pci, devfn, PCI_BAR0 + 4, 4, bars[i][1]);
        pci_config_write(pci, devfn, PCI_COMMAND, 2, next(w) % 16 ? 7 : 3);
    }
}

/* Values that have a chance to mean something. */
static u32 value(struct world *w)
{
    switch (next(w) & 7) {
    case 0: return 0x100000 + (next(w) & 0x1fff0); /* memory */
    case 1: return next(w) & 0xff;
    case 2: return 1u << (next(w) & 31);
    case 3: return next(w) & 0xffff;
    case 4: return 0x80;
    case 5: return ~0u;
    default: return next(w) << 1 ^ next(w);
    }
}

static void e1000_access(struct world *w)
{
    static const u16 hot[] = {0x0,    0x100,  0x400,  0xc0,   0xc4,   0xc8,   0xd0,
                              0xd8,   0x14,   0x10,   0x20,   0x2800, 0x2808, 0x2810,
                              0x2818, 0x2820, 0x282c, 0x3800, 0x3808, 0x3810, 0x3818,
                              0x3820, 0x382c, 0x5000, 0x4080, 0x5404};
    u32 reg = next(w) & 3 ? hot[next(w) % ARRAY_LEN(hot)] : next(w) & 0x1fffc;
    u32 v = value(w);

    if (reg == 0x100 || reg == 0x400) /* on, most of the time */
        v |= 0x801a;
    if (reg == 0 && next(w) & 7) /* resets seldom */
        v &= 0x7bffffff;
    if (next(w) & 3)
        phys_write(w->t->bus->phys, MEM + 3 * STRIDE + reg, 4, v);
    else
        phys_read(w->t->bus->phys, MEM + 3 * STRIDE + reg, 1u << (next(w) & 3));
}

static void access_card(struct world *w)
{
    unsigned card = next(w) % CARDS, size = 1u << next(w) % 3, reg;
    u32 v = value(w);

    if (!cards[card].ports) {
        e1000_access(w);
        return;
    }
    reg = next(w) % cards[card].ports;
    if (cards[card].ports == 32) {
        static const u8 command[] = {0x22, 0x22, 0x0a, 0x12, 0x26, 0x62, 0x21, 0x1a};
        static const u8 pages[] = {0, 0x40, 0x60, 0x46, 0x40, 0, 0, 0x46}; /* by register */
        if (next(w) % 4 == 0)
            reg = 0;
        if (!reg)
            v = command[next(w) & 7];
        else if (reg < 8 && next(w) & 7)
            v = pages[reg] + (next(w) & (reg == 1 || reg == 2 ? 1 : 7));
    } else if (next(w) & 1) {
        static const u8 hot[] = {0x10, 0x20, 0x30, 0x37, 0x38, 0x3c,
                                 0x3e, 0x44, 0x54, 0xd9, 0xe0, 0xe4};
        reg = hot[next(w) % ARRAY_LEN(hot)];
        size = reg == 0x37 || reg == 0xd9 ? 1 : reg == 0xe0 ? 2 : 4;
        v = reg == 0x37 ? (next(w) & 7 ? 0x0c : v) : reg == 0xe0 ? v & 0x63 : v;
    }
    if (next(w) & 3)
        bus_out(w->t->bus, (u16)(cards[card].port + reg), size, v);
    else
        bus_in(w->t->bus, (u16)(cards[card].port + reg), size);
}

static void input(struct world *w)
{
    u8 frame[9100];
    size_t len = next(w) & 7 ? next(w) % 1600 : next(w) % sizeof(frame);

    nr_fill(frame, sizeof(frame), next(w));
    if (next(w) & 1)
        memset(frame, 0xff, 6);
    if (next(w) & 1)
        nr_tcp(frame, (u32)(len < 100 ? 100 : len) - 60, next(w));
    net_input(&w->rig[next(w) % CARDS].link, frame, len);
}

static void one_command(struct world *w)
{
    u8 *ram = phys_ram(w->t->bus->phys);
    u32 what = next(w) % 32;

    if (what == 0)
        dt_step(w->t, next(w) % 200000);
    else if (what == 1)
        net_set_carrier(&w->rig[next(w) % CARDS].link, next(w) & 3);
    else if (what == 2)
        map(w);
    else if (what < 6)
        input(w);
    else if (what < 14)
        store_le(ram + 0x100000 + (next(w) & 0x1fffc), 4, value(w));
    else
        access_card(w);
}

static u64 run(u64 seed, unsigned sent[CARDS])
{
    static const char *const names[CARDS] = {"n0", "n1", "n2", "n3"};
    struct world *w = calloc(1, sizeof(*w));
    u64 hash;

    assert_non_null(w);
    w->seed = seed;
    w->t = dt_open();
    struct phys *phys = w->t->bus->phys = phys_new(4u << 20);
    assert_non_null(phys);
    dt_dev(w->t, &dev_i440fx, NULL);
    for (unsigned i = 0; i < CARDS; i++) {
        nr_open(&w->rig[i], w->t, names[i]);
        w->rig[i].link.large = seed & 1;
        dt_dev(w->t, cards[i].type, cards[i].options);
    }
    map(w);
    for (u32 i = 0; i < 0x20000; i += 4)
        store_le(phys_ram(phys) + 0x100000 + i, 4, value(w));
    for (unsigned i = 0; i < COMMANDS; i++)
        one_command(w);
    hash = dt_hash(w->t);
    for (unsigned i = 0; i < CARDS; i++) {
        hash = hash * 31 + w->rig[i].sent;
        sent[i] += w->rig[i].sent;
    }
    dt_close(w->t);
    phys_free(phys);
    free(w);
    return hash;
}

static void test_random_drivers(void **state)
{
    unsigned sent[CARDS] = {0};
    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        u64 first = run(seed, sent), second = run(seed, sent);
        if (first != second)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
    for (unsigned i = 0; i < CARDS; i++) { /* the drivers were good enough for something */
        if (sent[i] < SEEDS)
            fail_msg("card %u has sent only %u frames", i, sent[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_drivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
