/* The local APIC, register by register, without a CPU. */
#include "tests/unit/apic_rig.h"

static int setup(void **state)
{
    *state = rig_open(NULL);
    return 0;
}

static int teardown(void **state)
{
    rig_close(*state);
    return 0;
}

static void self_ipi(struct devtest *t, unsigned vector)
{
    wr(t, R_ICR, 0x44000 | vector);
}

/* Accepts the interrupt and ends it. */
static void serve(struct devtest *t, int vector)
{
    assert_true(t->intr);
    assert_int_equal(bus_intack(t->bus), vector);
    wr(t, R_EOI, 0);
}

static void test_after_reset(void **state)
{
    static const struct {
        u32 reg, value;
    } regs[] = {
        {R_ID, 0},          {R_VERSION, 0x50014}, {R_TPR, 0},
        {R_APR, 0},         {R_PPR, 0},           {R_EOI, 0},
        {R_LDR, 0},         {R_DFR, 0xffffffff},  {R_SVR, 0xff},
        {R_ISR, 0},         {R_TMR + 0x70, 0},    {R_IRR + 0x30, 0},
        {R_ESR, 0},         {R_ICR, 0},           {R_ICR_HIGH, 0},
        {R_TIMER, 0x10000}, {R_THERMAL, 0x10000}, {R_PERF, 0x10000},
        {R_LINT0, 0x700},   {R_LINT1, 0x10000},   {R_ERROR, 0x10000},
        {R_INITIAL, 0},     {R_CURRENT, 0},       {R_DIVIDE, 0},
    };
    struct devtest *t = *state;
    u64 hash = dt_hash(t);

    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < ARRAY_LEN(regs); i++) {
            if (rd(t, regs[i].reg) != regs[i].value)
                fail_msg("register %x is %x", regs[i].reg, rd(t, regs[i].reg));
        }
        wr(t, R_SVR, 0x1ff);
        for (u32 reg = 0; reg < 0x1000; reg += 16)
            wr(t, reg, 0x5a5a5a5a);
        bus_reset(t->bus);
        assert_true(dt_hash(t) == hash);
    }
}

/* What can be written of each register. */
static void test_writable_bits(void **state)
{
    static const struct {
        u32 reg, ones, zeros;
    } regs[] = {
        {R_ID, 0xff000000, 0},
        {R_VERSION, 0x50014, 0x50014},
        {R_TPR, 0xff, 0},
        {R_LDR, 0xff000000, 0},
        {R_DFR, 0xffffffff, 0x0fffffff},
        {R_ICR_HIGH, 0xff000000, 0},
        {R_TIMER, 0x700ff, 0},
        {R_THERMAL, 0x107ff, 0},
        {R_PERF, 0x107ff, 0},
        {R_LINT0, 0x1a7ff, 0},
        {R_LINT1, 0x1a7ff, 0},
        {R_ERROR, 0x100ff, 0},
        {R_DIVIDE, 0xb, 0},
        {R_PPR, 0, 0},
        {R_CURRENT, 0, 0},
        {R_INITIAL, 0xffffffff, 0},
        {R_ISR, 0, 0},
        {R_IRR, 0, 0},
    };
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    for (size_t i = 0; i < ARRAY_LEN(regs); i++) {
        wr(t, regs[i].reg, 0xffffffff);
        if (rd(t, regs[i].reg) != regs[i].ones)
            fail_msg("register %x is %x", regs[i].reg, rd(t, regs[i].reg));
        wr(t, regs[i].reg, 0);
        if (rd(t, regs[i].reg) != regs[i].zeros)
            fail_msg("register %x is %x", regs[i].reg, rd(t, regs[i].reg));
    }
    wr(t, R_SVR, 0xffffffff);
    assert_int_equal(rd(t, R_SVR), 0x3ff);
    wr(t, R_ICR, 0xffffee1f); /* a startup message to others */
    assert_int_equal(rd(t, R_ICR), 0xcce1f);
}

static void test_access_sizes(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    wr(t, R_ID, 0x07000000);
    assert_int_equal(phys_read(p, LAPIC + R_ID + 3, 1), 7);
    assert_int_equal(phys_read(p, LAPIC + R_VERSION, 1), 0x14);
    assert_int_equal(phys_read(p, LAPIC + R_VERSION + 2, 2), 5);
    assert_int_equal(phys_read(p, LAPIC + R_VERSION + 4, 4), 0);
    assert_int_equal(phys_read(p, LAPIC + R_VERSION, 8), 0x50014);
    phys_write(p, LAPIC + R_TPR, 1, 0x20);
    phys_write(p, LAPIC + R_TPR, 2, 0x20);
    phys_write(p, LAPIC + R_TPR + 4, 4, 0x20);
    assert_int_equal(rd(t, R_TPR), 0);
    phys_write(p, LAPIC + R_TPR, 8, 0x3000000020);
    assert_int_equal(rd(t, R_TPR), 0x20);
}

static void test_priorities(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    self_ipi(t, 0x31);
    self_ipi(t, 0x52);
    self_ipi(t, 0x53);
    assert_true(in_set(t, R_IRR, 0x31) && in_set(t, R_IRR, 0x52) && in_set(t, R_IRR, 0x53));
    assert_int_equal(rd(t, R_APR), 0x50);
    assert_int_equal(bus_intack(t->bus), 0x53);
    assert_true(in_set(t, R_ISR, 0x53) && !in_set(t, R_IRR, 0x53));
    assert_int_equal(rd(t, R_PPR), 0x50);
    assert_false(t->intr); /* 52h is of the same class */
    self_ipi(t, 0x60);
    assert_true(t->intr);
    assert_int_equal(bus_intack(t->bus), 0x60);
    wr(t, R_EOI, 0);
    assert_false(in_set(t, R_ISR, 0x60));
    assert_true(in_set(t, R_ISR, 0x53));
    wr(t, R_EOI, 0);
    assert_true(t->intr);
    wr(t, R_TPR, 0x50); /* blocks class 5 */
    assert_false(t->intr);
    assert_int_equal(rd(t, R_PPR), 0x50);
    wr(t, R_TPR, 0x4f);
    assert_int_equal(rd(t, R_PPR), 0x4f);
    assert_true(t->intr);
    serve(t, 0x52);
    assert_false(t->intr);
    bus_apic_set_tpr(t->bus, 0x30); /* CR8 = 3 */
    assert_int_equal(rd(t, R_TPR), 0x30);
    self_ipi(t, 0x3f);
    assert_false(t->intr);
    bus_apic_set_tpr(t->bus, 0x20);
    assert_int_equal(bus_apic_tpr(t->bus), 0x20);
    serve(t, 0x3f);
    wr(t, R_TPR, 0);
    serve(t, 0x31);
    assert_false(t->intr);
    wr(t, R_EOI, 0); /* with nothing in service */
    assert_int_equal(rd(t, R_PPR), 0);
}

/* The request went away between the pin and the acknowledge. */
static void test_spurious(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ef);
    wr(t, R_LINT0, 0x10000);
    assert_int_equal(bus_intack(t->bus), 0xef);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(rd(t, R_ISR + 16 * i), 0);
}

static void test_switched_off_by_software(void **state)
{
    struct devtest *t = *state;

    self_ipi(t, 0x40); /* off after reset */
    assert_false(in_set(t, R_IRR, 0x40));
    wr(t, R_SVR, 0x1ff);
    wr(t, R_TIMER, 0x31);
    wr(t, R_LINT0, 0x8033);
    self_ipi(t, 0x40);
    wr(t, R_SVR, 0xff); /* what is pending stays, the table is masked and stays so */
    assert_true(t->intr);
    assert_int_equal(rd(t, R_TIMER), 0x10031);
    assert_int_equal(rd(t, R_LINT0), 0x18033);
    wr(t, R_TIMER, 0x31);
    assert_int_equal(rd(t, R_TIMER), 0x10031);
    serve(t, 0x40);
    wr(t, R_SVR, 0x1ff);
    assert_int_equal(rd(t, R_TIMER), 0x10031);
}

/* ---- inputs ---- */

static void test_virtual_wire(void **state)
{
    struct devtest *t = *state;

    rig_start_pic(t);
    dt_script(t, "intr 0; raise 4; intr 1; ack c; intr 0; out 20 20");
    wr(t, R_SVR, 0x1ff); /* the 8259s and the APIC side by side */
    dt_script(t, "lower 4; raise 4; intr 1");
    self_ipi(t, 0x90);
    dt_script(t, "ack 90; intr 1; ack c; intr 0; out 20 20");
    wr(t, R_EOI, 0);
    wr(t, R_TPR, 0xff); /* does not hold the 8259s back */
    dt_script(t, "lower 4; raise 4; intr 1");
    wr(t, R_LINT0, 0x10700);
    dt_script(t, "intr 0");
    wr(t, R_LINT0, 0x700);
    dt_script(t, "intr 1; ack c; out 20 20");
    bus_apic_set_base(t->bus, 0xfee00100); /* off: INTR is INTR */
    dt_script(t, "lower 4; raise 4; intr 1; ack c; out 20 20; intr 0");
}

static void test_lint0_fixed(void **state)
{
    struct devtest *t = *state;

    rig_start_pic(t);
    wr(t, R_SVR, 0x1ff);
    wr(t, R_LINT0, 0x41); /* edge: one for each rise of the 8259s' request */
    dt_script(t, "raise 4");
    assert_false(in_set(t, R_TMR, 0x41));
    serve(t, 0x41);
    assert_false(t->intr);
    assert_int_equal(bus_pic_intack(t->bus), 0xc);
    dt_script(t, "out 20 20");
    wr(t, R_LINT0, 0x8041); /* level */
    dt_script(t, "lower 4; raise 4; intr 1");
    assert_true(in_set(t, R_TMR, 0x41));
    assert_int_equal(rd(t, R_LINT0), 0xc041);
    assert_int_equal(bus_intack(t->bus), 0x41);
    assert_false(t->intr);
    wr(t, R_EOI, 0); /* still high: again */
    assert_true(t->intr);
    assert_int_equal(rd(t, R_LINT0), 0xc041);
    assert_int_equal(bus_intack(t->bus), 0x41);
    bus_pic_intack(t->bus);
    wr(t, R_EOI, 0);
    assert_false(t->intr);
    assert_int_equal(rd(t, R_LINT0), 0x8041);
}

static void test_nmi(void **state)
{
    struct devtest *t = *state;

    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 0); /* LINT1 is masked from reset on */
    wr(t, R_SVR, 0x1ff);
    wr(t, R_LINT1, 0x400);
    bus_nmi(t->bus);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 2);
    bus_mask_nmi(t->bus, true);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 2);
    bus_mask_nmi(t->bus, false);
    wr(t, R_LINT1, 0x45);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 2);
    serve(t, 0x45);
    bus_apic_set_base(t->bus, 0xfee00100);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 3);
}

/* ---- messages ---- */

static void test_ipi(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    wr(t, R_ID, 5u << 24);
    wr(t, R_LDR, 0x02000000);
    self_ipi(t, 0x41);
    serve(t, 0x41);
    wr(t, R_ICR, 0x84042); /* all including self */
    serve(t, 0x42);
    wr(t, R_ICR, 0xc4043); /* all others: there are none */
    assert_false(t->intr);
    wr(t, R_ICR_HIGH, 5u << 24);
    wr(t, R_ICR, 0x4044);
    serve(t, 0x44);
    wr(t, R_ICR, 0x4145); /* lowest priority */
    serve(t, 0x45);
    wr(t, R_ICR_HIGH, 4u << 24);
    wr(t, R_ICR, 0x4046);
    assert_false(t->intr);
    wr(t, R_ICR_HIGH, 0xff000000);
    wr(t, R_ICR, 0x4047);
    serve(t, 0x47);
    wr(t, R_ICR_HIGH, 0x03000000);
    wr(t, R_ICR, 0x4848); /* logical, flat */
    serve(t, 0x48);
    wr(t, R_ICR_HIGH, 0x05000000);
    wr(t, R_ICR, 0x4849);
    assert_false(t->intr);
    wr(t, R_DFR, 0); /* clusters */
    wr(t, R_LDR, 0x32000000);
    wr(t, R_ICR_HIGH, 0x36000000);
    wr(t, R_ICR, 0x484a);
    serve(t, 0x4a);
    wr(t, R_ICR_HIGH, 0x26000000);
    wr(t, R_ICR, 0x484b);
    wr(t, R_ICR_HIGH, 0x34000000);
    wr(t, R_ICR, 0x484c);
    assert_false(t->intr);
    wr(t, R_ICR_HIGH, 0xff000000);
    wr(t, R_ICR, 0x484d);
    serve(t, 0x4d);
}

static unsigned smis;

static void on_smi(void *opaque, int n, bool level)
{
    (void)opaque;
    (void)n;
    smis += level;
}

static void test_ipi_modes(void **state)
{
    struct devtest *t = *state;

    smis = 0;
    t->bus->pins.smi = (struct irq_line){on_smi, NULL, 0};
    wr(t, R_ICR, 0x4400); /* even while software has it off */
    assert_int_equal(t->nmis, 1);
    wr(t, R_ICR, 0x4200);
    assert_int_equal(smis, 1);
    wr(t, R_ICR, 0x4600); /* startup: this processor is running */
    wr(t, R_ICR, 0x8500); /* INIT level deassert */
    assert_int_equal(t->requests[BUS_INIT], 0);
    wr(t, R_ICR, 0xc500);
    assert_int_equal(t->requests[BUS_INIT], 1);
    wr(t, R_TPR, 0x33);
    wr(t, R_ID, 9u << 24);
    bus_apic_init(t->bus);
    assert_int_equal(rd(t, R_TPR), 0);
    assert_int_equal(rd(t, R_ID), 9u << 24);
    assert_int_equal(rd(t, R_SVR), 0xff);
}

static void test_errors(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    wr(t, R_ERROR, 0x77);
    wr(t, R_ICR, 0x44008);
    assert_int_equal(rd(t, R_ESR), 0); /* not before it is written to */
    wr(t, R_ESR, 0);
    assert_int_equal(rd(t, R_ESR), 0x20);
    serve(t, 0x77);
    rd(t, 0x3f0);
    serve(t, 0x77);
    wr(t, 0x40, 1);
    assert_false(t->intr); /* the same error again */
    wr(t, R_ESR, 0);
    assert_int_equal(rd(t, R_ESR), 0x80);
    wr(t, R_ESR, 0);
    assert_int_equal(rd(t, R_ESR), 0);
    assert_false(bus_apic_message(t->bus, &(struct apic_message){.vector = 3}));
    serve(t, 0x77);
    wr(t, R_ERROR, 7); /* its own vector is an error */
    rd(t, 0xfff0 & 0xff0);
    wr(t, R_ESR, 0);
    assert_int_equal(rd(t, R_ESR), 0xc0);
    assert_false(t->intr);
}

/* ---- IA32_APIC_BASE ---- */

static void test_base(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    wr(t, R_SVR, 0x1ff);
    bus_apic_set_base(t->bus, 0xfed01900);
    assert_int_equal(rd(t, R_SVR), 0xffffffff);
    assert_int_equal(phys_read(p, 0xfed01000 + R_SVR, 4), 0x1ff);
    bus_apic_set_base(t->bus, 0x5900); /* over RAM */
    phys_write(p, 0x5000 + R_TPR, 4, 0x10);
    assert_int_equal(phys_read(p, 0x5000 + R_TPR, 4), 0x10);
    bus_apic_set_base(t->bus, 0xf00000900); /* above 4 GiB */
    assert_int_equal(phys_read(p, 0x5000 + R_TPR, 4), 0);
    assert_int_equal(phys_read(p, 0xf00000000 + R_TPR, 4), 0x10);
    bus_apic_set_base(t->bus, 0xfee00100); /* off: gone, and reset when it comes back */
    assert_int_equal(rd(t, R_VERSION), 0xffffffff);
    assert_false(bus_apic_message(t->bus, &(struct apic_message){.vector = 0x44}));
    bus_apic_set_base(t->bus, 0xfee00900);
    assert_int_equal(rd(t, R_TPR), 0);
    assert_int_equal(rd(t, R_SVR), 0xff);
    bus_apic_set_base(t->bus, 0x6900);
    bus_reset(t->bus);
    assert_int_equal(rd(t, R_VERSION), 0x50014);
}

/* ---- timer ---- */

static void test_one_shot(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    wr(t, R_DIVIDE, 0xb);
    wr(t, R_TIMER, 0x41);
    wr(t, R_INITIAL, 1000);
    assert_int_equal(rd(t, R_CURRENT), 1000);
    dt_step(t, 400);
    assert_int_equal(rd(t, R_CURRENT), 600);
    dt_step(t, 599);
    assert_int_equal(rd(t, R_CURRENT), 1);
    assert_false(t->intr);
    dt_step(t, 1);
    assert_int_equal(rd(t, R_CURRENT), 0);
    serve(t, 0x41);
    dt_step(t, 5000);
    assert_false(t->intr);
    assert_int_equal(rd(t, R_CURRENT), 0);
    assert_int_equal(rd(t, R_INITIAL), 1000);
    wr(t, R_INITIAL, 1000); /* 0 stops it */
    dt_step(t, 10);
    wr(t, R_INITIAL, 0);
    dt_step(t, 5000);
    assert_false(t->intr);
    wr(t, R_TIMER, 0x10041); /* masked: it counts, and what passes is lost */
    wr(t, R_INITIAL, 1000);
    dt_step(t, 500);
    assert_int_equal(rd(t, R_CURRENT), 500);
    wr(t, R_TIMER, 0x41);
    dt_step(t, 500);
    serve(t, 0x41);
    wr(t, R_TIMER, 0x10041);
    wr(t, R_INITIAL, 1000);
    dt_step(t, 1001);
    wr(t, R_TIMER, 0x41);
    dt_step(t, 5000);
    assert_false(t->intr);
}

static void test_dividers(void **state)
{
    static const struct {
        u32 code, divisor;
    } rows[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    wr(t, R_TIMER, 0x41);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        wr(t, R_DIVIDE, rows[i].code);
        wr(t, R_INITIAL, 10);
        dt_step(t, 10 * rows[i].divisor - 1);
        assert_false(t->intr);
        assert_int_equal(rd(t, R_CURRENT), 1);
        dt_step(t, 1);
        serve(t, 0x41);
    }
    wr(t, R_DIVIDE, 0xb); /* a change on the way */
    wr(t, R_INITIAL, 1000);
    dt_step(t, 400);
    wr(t, R_DIVIDE, 0);
    assert_int_equal(rd(t, R_CURRENT), 600);
    dt_step(t, 1199);
    assert_false(t->intr);
    dt_step(t, 1);
    serve(t, 0x41);
    wr(t, R_INITIAL, 0xffffffff);
    wr(t, R_DIVIDE, 0xa);
    dt_step(t, 0xffffffffull * 128 - 1);
    assert_false(t->intr);
    dt_step(t, 1);
    serve(t, 0x41);
}

static void test_periodic(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    wr(t, R_TIMER, 0x20041);
    wr(t, R_INITIAL, 500); /* by 2 */
    for (int i = 0; i < 3; i++) {
        dt_step(t, 999);
        assert_false(t->intr);
        dt_step(t, 1);
        serve(t, 0x41);
        assert_int_equal(rd(t, R_CURRENT), 500);
    }
    wr(t, R_TIMER, 0x30041); /* masked it goes on */
    dt_step(t, 10100);
    assert_int_equal(rd(t, R_CURRENT), 450);
    assert_false(t->intr);
    wr(t, R_TIMER, 0x20041);
    dt_step(t, 899);
    assert_false(t->intr);
    dt_step(t, 1);
    serve(t, 0x41);
    /* To one-shot and back: the count goes on, but not from its end. */
    dt_step(t, 200);
    wr(t, R_TIMER, 0x41);
    assert_int_equal(rd(t, R_CURRENT), 400);
    dt_step(t, 800);
    serve(t, 0x41);
    dt_step(t, 3000);
    wr(t, R_TIMER, 0x20041);
    assert_int_equal(rd(t, R_CURRENT), 0);
    dt_step(t, 3000);
    assert_false(t->intr);
}

static void test_deadline(void **state)
{
    struct devtest *t = *state;

    wr(t, R_SVR, 0x1ff);
    bus_apic_set_deadline(t->bus, 100); /* not in another mode */
    assert_int_equal(bus_apic_deadline(t->bus), 0);
    wr(t, R_TIMER, 0x41);
    wr(t, R_INITIAL, 1000);
    wr(t, R_TIMER, 0x40041);
    assert_int_equal(rd(t, R_INITIAL), 0);
    dt_step(t, 5000);
    assert_false(t->intr);
    wr(t, R_INITIAL, 7);
    assert_int_equal(rd(t, R_INITIAL), 0);
    bus_apic_set_deadline(t->bus, 6000);
    assert_int_equal(bus_apic_deadline(t->bus), 6000);
    assert_int_equal(rd(t, R_CURRENT), 0);
    dt_step(t, 999);
    assert_false(t->intr);
    dt_step(t, 1);
    assert_int_equal(bus_apic_deadline(t->bus), 0);
    serve(t, 0x41);
    bus_apic_set_deadline(t->bus, 10); /* past */
    dt_step(t, 0);
    serve(t, 0x41);
    wr(t, R_TIMER, 0x50041); /* masked: it passes all the same */
    bus_apic_set_deadline(t->bus, 7000);
    dt_step(t, 1001);
    assert_int_equal(bus_apic_deadline(t->bus), 0);
    wr(t, R_TIMER, 0x40041);
    dt_step(t, 1000);
    assert_false(t->intr);
    bus_apic_set_deadline(t->bus, 100000);
    bus_apic_set_deadline(t->bus, 0);
    bus_apic_set_deadline(t->bus, 100000);
    wr(t, R_TIMER, 0x41); /* leaving the mode stops it */
    wr(t, R_TIMER, 0x40041);
    dt_step(t, 1000000);
    assert_false(t->intr);
}

static void test_no_deadline_mode(void **state)
{
    struct devtest *t = rig_open("tsc_deadline=off");

    (void)state;
    wr(t, R_SVR, 0x1ff);
    wr(t, R_TIMER, 0x60041);
    assert_int_equal(rd(t, R_TIMER), 0x20041);
    bus_apic_set_deadline(t->bus, 100);
    assert_int_equal(bus_apic_deadline(t->bus), 0);
    rig_close(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_after_reset),  TEST(test_writable_bits), TEST(test_access_sizes),
        TEST(test_priorities),   TEST(test_spurious),      TEST(test_switched_off_by_software),
        TEST(test_virtual_wire), TEST(test_lint0_fixed),   TEST(test_nmi),
        TEST(test_ipi),          TEST(test_ipi_modes),     TEST(test_errors),
        TEST(test_base),         TEST(test_one_shot),      TEST(test_dividers),
        TEST(test_periodic),     TEST(test_deadline),      cmocka_unit_test(test_no_deadline_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
