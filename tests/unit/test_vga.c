/* The VGA's registers, its memory paths, its place on the PCI bus, and the dispi interface. */
#include "tests/unit/vga_rig.h"

#define A0000 0xa0000u

/* -- registers -- */

static void test_masks(void **state)
{
    static const u8 seq[5] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
    static const u8 gc[9] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    struct devtest *t = *state;

    for (unsigned i = 0; i < 5; i++) {
        reg(t, 0x3c4, i, 0xff);
        assert_int_equal(get(t, 0x3c4, i), seq[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        reg(t, 0x3ce, i, 0xff);
        assert_int_equal(get(t, 0x3ce, i), gc[i]);
    }
    dt_script(t, "in 3cc 0; out 3c2 ff; in 3cc ef; out 3da ff; in 3ca b; in 3c2 10");
    dt_script(t, "outw 3ce a508; out 3ce 8; in 3cf a5; inw 3ce a508");
}

static void test_crtc(void **state)
{
    struct devtest *t = *state;

    dt_script(t, "out 3c2 0; in 3d4 ff; out 3b4 12; in 3b4 12; in 3d5 ff; out 3c2 1; in 3b4 ff");
    for (unsigned i = 0; i < 25; i++) {
        reg(t, 0x3d4, i, (u8)(i + 0x55));
        reg(t, 0x3d4, 0x11, 0x0c); /* open */
        assert_int_equal(get(t, 0x3d4, i), i == 0x11 ? 0x0c : i + 0x55);
    }
    reg(t, 0x3d4, 0x11, 0x8c); /* protected: only bit 4 of register 7 */
    for (unsigned i = 0; i < 8; i++)
        reg(t, 0x3d4, i, 0);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(get(t, 0x3d4, i), i + 0x55);
    assert_int_equal(get(t, 0x3d4, 7), 0x4c);
    reg(t, 0x3d4, 8, 3);
    assert_int_equal(get(t, 0x3d4, 8), 3);
    assert_int_equal(get(t, 0x3d4, 0x30), 0);
}

static void test_attribute_controller(void **state)
{
    struct devtest *t = *state;

    dt_script(t, "out 3c2 1; in 3da; out 3c0 1; out 3c0 ff; in 3c0 1; in 3c1 3f");
    dt_script(t, "out 3c0 10; out 3c0 ff; in 3c1 ef"); /* back to the index after the data */
    dt_script(t, "out 3c0 12; in 3da; out 3c0 13; out 3c0 ff; in 3c0 13; in 3c1 f");
    dt_script(t, "out 3c0 20; in 3c0 20; out 3d4 24; in 3d5 80; in 3da; in 3d5 0");
}

static void test_dac(void **state)
{
    struct devtest *t = *state;

    dt_script(t, "out 3c8 5; in 3c7 0; out 3c9 ff; out 3c9 11; out 3c9 22; in 3c8 6; out 3c9 1");
    dt_script(t, "out 3c7 5; in 3c7 3; in 3c9 3f; in 3c9 11; in 3c9 22; in 3c9 1; in 3c9 0");
    dt_script(t, "in 3c6 ff; out 3c6 f; in 3c6 f");
    dispi(t, 4, 0x20); /* eight bits */
    dt_script(t, "out 3c8 5; out 3c9 ff; out 3c7 5; in 3c9 ff");
}

/* 25.175 MHz, 800 dots by 525 lines; display 640 by 480; retrace lines 490 and 491. */
static void test_timing(void **state)
{
    struct devtest *t = *state;
    const u64 line = 31778; /* ns */

    dt_out(t, 0x3c2, 1);
    reg(t, 0x3c4, 1, 1);
    reg(t, 0x3d4, 0, 95);
    reg(t, 0x3d4, 1, 79);
    reg(t, 0x3d4, 6, 0x0b);
    reg(t, 0x3d4, 7, 0x3e);
    reg(t, 0x3d4, 0x10, 0xea);
    reg(t, 0x3d4, 0x11, 0x0c);
    reg(t, 0x3d4, 0x12, 0xdf);
    dt_script(t, "in 3da 0&9; step 25000; in 3da 0&9; step 500; in 3da 1&9; step 6300; in 3da 0&9");
    dt_run_to(t, 479 * line + 100);
    assert_int_equal(dt_in(t, 0x3da) & 9, 0);
    dt_run_to(t, 481 * line);
    assert_int_equal(dt_in(t, 0x3da) & 9, 1);
    dt_run_to(t, 490 * line + 1000);
    assert_int_equal(dt_in(t, 0x3da) & 9, 9);
    dt_run_to(t, 492 * line + 1000);
    assert_int_equal(dt_in(t, 0x3da) & 9, 1);
    dt_run_to(t, 525 * line + 1000);
    assert_int_equal(dt_in(t, 0x3da) & 9, 0);
    dt_run_to(t, 60 * 525 * line + 490 * line + 15000); /* a second later */
    assert_int_equal(dt_in(t, 0x3da) & 9, 9);
}

/* The same picture: 3C2h bit 7 comes with the next retrace after CR11's bit 4. */
static void test_retrace_status(void **state)
{
    struct devtest *t = *state;
    const u64 line = 31778; /* ns */

    test_timing(state);
    u64 frame = 61 * 525 * line; /* of which line 490 has not come */
    reg(t, 0x3d4, 0x11, 0x1c);
    assert_int_equal(dt_in(t, 0x3c2), 0x10);
    dt_run_to(t, frame + 485 * line);
    assert_int_equal(dt_in(t, 0x3c2), 0x10);
    dt_run_to(t, frame + 491 * line);
    assert_int_equal(dt_in(t, 0x3c2), 0x90);
    dt_run_to(t, frame + 600 * line); /* it stays */
    assert_int_equal(dt_in(t, 0x3c2), 0x90);
    reg(t, 0x3d4, 0x11, 0x0c); /* cleared */
    assert_int_equal(dt_in(t, 0x3c2), 0x10);
    reg(t, 0x3d4, 0x11, 0x1c);
    assert_int_equal(dt_in(t, 0x3c2), 0x10);
    reg(t, 0x3d4, 0x11, 0x3c); /* not wanted */
    dt_run_to(t, frame + 1600 * line);
    assert_int_equal(dt_in(t, 0x3c2), 0x10);
}

/* -- memory -- */

/* Planes in sequence at A0000h, 64 KiB, all planes written. */
static void planar(struct devtest *t)
{
    dt_out(t, 0x3c2, 3);
    reg(t, 0x3c4, 2, 0x0f);
    reg(t, 0x3c4, 4, 0x06);
    reg(t, 0x3ce, 6, 0x05);
    reg(t, 0x3ce, 8, 0xff);
}

static void test_write_mode_0(void **state)
{
    struct devtest *t = *state;

    planar(t);
    poke(t, A0000 + 5, 0x5a);
    assert_int_equal(planes(t, 5), 0x5a5a5a5a);
    reg(t, 0x3c4, 2, 0x05); /* map mask */
    poke(t, A0000 + 5, 0xff);
    assert_int_equal(planes(t, 5), 0x5aff5aff);
    reg(t, 0x3c4, 2, 0x0f);
    reg(t, 0x3ce, 3, 3); /* rotate */
    poke(t, A0000 + 6, 0x81);
    assert_int_equal(planes(t, 6), 0x30303030);
    reg(t, 0x3ce, 3, 0);
    reg(t, 0x3ce, 0, 0x0a); /* set/reset on planes 0 and 1 */
    reg(t, 0x3ce, 1, 0x03);
    poke(t, A0000 + 7, 0x11);
    assert_int_equal(planes(t, 7), 0x1111ff00);
    reg(t, 0x3ce, 1, 0);
    peek(t, A0000 + 5); /* latches 5aff5aff */
    reg(t, 0x3ce, 8, 0x0f);
    poke(t, A0000 + 8, 0);
    assert_int_equal(planes(t, 8), 0x50f050f0);
    reg(t, 0x3ce, 8, 0xff);
    static const u32 results[4] = {0x3c3c3c3c, 0x183c183c, 0x7eff7eff, 0x66c366c3};
    for (u8 fn = 0; fn < 4; fn++) { /* copy, and, or, xor */
        reg(t, 0x3ce, 3, (u8)(fn << 3));
        poke(t, A0000 + 9, 0x3c);
        assert_int_equal(planes(t, 9), results[fn]);
    }
}

static void test_write_modes_1_to_3(void **state)
{
    struct devtest *t = *state;

    planar(t);
    set_planes(t, 0x100, 0x04030201);
    reg(t, 0x3ce, 5, 1);
    peek(t, A0000 + 0x100);
    poke(t, A0000 + 0x200, 0xee);
    assert_int_equal(planes(t, 0x200), 0x04030201);
    reg(t, 0x3ce, 5, 2);
    reg(t, 0x3ce, 8, 0xf0);
    poke(t, A0000 + 0x201, 0x06);
    assert_int_equal(planes(t, 0x201), 0x04f3f201);
    reg(t, 0x3ce, 5, 3);
    reg(t, 0x3ce, 0, 0x09);
    reg(t, 0x3ce, 3, 4);          /* rotates the mask */
    poke(t, A0000 + 0x202, 0x1f); /* f1 & f0 */
    assert_int_equal(planes(t, 0x202), 0xf40302f1);
}

static void test_read_modes(void **state)
{
    struct devtest *t = *state;

    planar(t);
    set_planes(t, 3, 0x44332211);
    for (u8 p = 0; p < 4; p++) {
        reg(t, 0x3ce, 4, p);
        assert_int_equal(peek(t, A0000 + 3), 0x11 * (p + 1));
        assert_int_equal(get(t, 0x3d4, 0x22), 0x11 * (p + 1)); /* the latch */
    }
    reg(t, 0x3ce, 5, 8);
    reg(t, 0x3ce, 2, 5);
    reg(t, 0x3ce, 7, 0xf);
    assert_int_equal(peek(t, A0000 + 3), 0x11 & (u8)~0x22 & 0x33 & (u8)~0x44);
    reg(t, 0x3ce, 2, 2);
    reg(t, 0x3ce, 7, 3);
    assert_int_equal(peek(t, A0000 + 3), (u8)~0x11 & 0x22);
    reg(t, 0x3ce, 7, 0);
    assert_int_equal(peek(t, A0000 + 3), 0xff);
}

static void test_window(void **state)
{
    static const struct {
        u8 misc;
        u32 first, last;
    } maps[4] = {{0x01, 0xa0000, 0xbffff},
                 {0x05, 0xa0000, 0xaffff},
                 {0x09, 0xb0000, 0xb7fff},
                 {0x0d, 0xb8000, 0xbffff}};
    struct devtest *t = *state;

    planar(t);
    for (unsigned i = 0; i < 4; i++) {
        reg(t, 0x3ce, 6, maps[i].misc);
        set_planes(t, 0, 0);
        set_planes(t, (maps[i].last - maps[i].first) & 0xffff, 0);
        poke(t, maps[i].first, 0x12);
        poke(t, maps[i].last, 0x34);
        assert_int_equal(planes(t, 0), 0x12121212);
        assert_int_equal(planes(t, (maps[i].last - maps[i].first) & 0xffff), 0x34343434);
        if (maps[i].first > 0xa0000)
            assert_int_equal(peek(t, maps[i].first - 1), 0xff);
        if (maps[i].last < 0xbffff)
            assert_int_equal(peek(t, maps[i].last + 1), 0xff);
    }
    dt_out(t, 0x3c2, 1); /* RAM off */
    poke(t, 0xb8000, 0x77);
    assert_int_equal(peek(t, 0xb8000), 0xff);
    assert_int_equal(planes(t, 0), 0x12121212);
}

/* Text: even bytes to planes 0 and 2, odd ones to 1 and 3, at even offsets. */
static void test_odd_even(void **state)
{
    struct devtest *t = *state;

    planar(t);
    reg(t, 0x3c4, 2, 0x03);
    reg(t, 0x3c4, 4, 0x02);
    reg(t, 0x3ce, 5, 0x10);
    reg(t, 0x3ce, 6, 0x0e);
    phys_write(t->bus->phys, 0xb8000, 4, 0x1e421f41);
    assert_int_equal(planes(t, 0), 0x00001f41);
    assert_int_equal(planes(t, 1), 0);
    assert_int_equal(planes(t, 2), 0x00001e42);
    assert_int_equal(phys_read(t->bus->phys, 0xb8000, 4), 0x1e421f41);
    set_planes(t, 4, 0x44332211);
    reg(t, 0x3ce, 4, 2);
    assert_int_equal(phys_read(t->bus->phys, 0xb8004, 2), 0x4433);
}

/* Chain-4 is memory itself where nothing stands in the way, and the same through the planes. */
static void test_chain_4(void **state)
{
    struct devtest *t = *state;

    planar(t);
    reg(t, 0x3c4, 4, 0x0e);
    assert_non_null(phys_host(t->bus->phys, A0000, true));
    assert_null(phys_host(t->bus->phys, A0000 + 0x10000, true));
    assert_true(phys_is_shared(t->bus->phys, A0000));
    phys_write(t->bus->phys, A0000 + 0xfffc, 4, 0x44332211);
    assert_int_equal(planes(t, 0x3fff), 0x44332211);
    reg(t, 0x3c4, 2, 0x0d); /* plane 1 is masked */
    assert_null(phys_host(t->bus->phys, A0000, true));
    phys_write(t->bus->phys, A0000 + 0xfffc, 4, 0x88776655);
    assert_int_equal(planes(t, 0x3fff), 0x88772255);
    assert_int_equal(phys_read(t->bus->phys, A0000 + 0xfffc, 4), 0x88772255);
    reg(t, 0x3c4, 2, 0x0f);
    assert_non_null(phys_host(t->bus->phys, A0000, true));
    reg(t, 0x3c4, 4, 0x06); /* mode X */
    reg(t, 0x3c4, 2, 0x02);
    poke(t, A0000 + 0x3fff, 0x99);
    assert_int_equal(planes(t, 0x3fff), 0x88779955);
    reg(t, 0x3c4, 4, 0x0e);
    reg(t, 0x3c4, 2, 0x0f);
    bus_reset(t->bus);
    assert_null(phys_host(t->bus->phys, A0000, true));
}

/* -- PCI and dispi -- */

static void test_pci(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    dt_script(t, "outl cf8 80001000; inl cfc 11111234; outl cf8 80001008; inl cfc 03000002");
    dt_script(t, "outl cf8 80001010; inl cfc e0000008; outl cfc ffffffff; inl cfc ff000008");
    assert_true(phys_is_mmio(p, LFB)); /* while it is sized */
    dt_script(t, "outl cfc a0000; inl cfc 8; outl cfc e8000000");
    phys_write(p, 0xe8000000 + 0xfffffc, 4, 0x12345678);
    dt_script(t, "outl cfc e0000000");
    assert_int_equal(phys_read(p, LFB + 0xfffffc, 4), 0x12345678);
    dt_script(t, "outl cf8 80001018; outl cfc a0000"); /* the window keeps its place */
    planar(t);
    poke(t, A0000, 0x21);
    assert_int_equal(planes(t, 0), 0x21212121);
    dt_script(t, "outl cf8 80001018; outl cfc fec00000"); /* the APICs', not PCI's */
    assert_int_equal(phys_read(p, 0xfec00500, 2), 0xffff);
    dt_script(t, "outl cf8 80001018; outl cfc e1000000");
    phys_write(p, REGS + 0x40e, 2, 0x5508); /* 3CEh */
    assert_int_equal(get(t, 0x3ce, 8), 0x55);
    assert_int_equal(phys_read(p, REGS + 0x40f, 1), 0x55);
    assert_int_equal(phys_read(p, REGS + 0x500, 2), 0xb0c5);
    phys_write(p, REGS + 0x502, 2, 1280);
    assert_int_equal(dispi_get(t, 1), 1280);
    assert_int_equal(phys_read(p, REGS + 0x600, 4), 8);
    assert_int_equal(phys_read(p, REGS + 0x604, 4), 0x1e1e1e1e);
}

/* The VGA BIOS: expansion ROM with its own enable bit, and at C0000h. */
static void test_rom(void **state)
{
    struct devtest *t = *state;
    struct phys *p = t->bus->phys;

    assert_int_equal(phys_read(p, 0xc0000, 2), 0xaa55);
    dt_script(t, "outl cf8 80001030; inl cfc 0; outl cfc ffffffff; inl cfc ffff0001");
    dt_script(t, "outl cfc e2000000");
    assert_int_equal(phys_read(p, 0xe2000000, 2), 0xffff);
    dt_script(t, "outl cfc e2000001");
    u32 size = (u32)phys_read(p, 0xe2000002, 1) * 512;
    u8 sum = 0;
    for (u32 i = 0; i < size; i++) {
        u8 byte = (u8)phys_read(p, 0xe2000000 + i, 1);
        assert_int_equal(byte, phys_read(p, 0xc0000 + i, 1));
        sum = (u8)(sum + byte);
    }
    assert_int_equal(sum, 0);
    u32 data = (u32)phys_read(p, 0xe2000018, 2);
    assert_int_equal(phys_read(p, 0xe2000000 + data, 4), 0x52494350); /* "PCIR" */
    assert_int_equal(phys_read(p, 0xe2000004 + data, 4), 0x11111234);
    assert_int_equal(phys_read(p, 0xe2000010 + data, 2) * 512, size);
    phys_write(p, 0xe2000000, 2, 0);
    assert_int_equal(phys_read(p, 0xe2000000, 2), 0xaa55);
    dt_script(t, "outl cfc e2000000"); /* ROM off */
    assert_int_equal(phys_read(p, 0xe2000000, 2), 0xffff);
    bus_reset(t->bus);
    dt_script(t, "outl cf8 80001030; inl cfc 0");
}

static void test_edid(void **state)
{
    struct devtest *t = *state;
    u8 edid[VGA_EDID_SIZE], sum = 0;

    vga_edid(edid);
    for (u32 i = 0; i < sizeof(edid); i++) {
        assert_int_equal(phys_read(t->bus->phys, REGS + i, 1), edid[i]);
        sum = (u8)(sum + edid[i]);
    }
    assert_int_equal(sum, 0);
    assert_int_equal(edid[54 + 2] | (edid[54 + 4] & 0xf0) << 4, 1280); /* the mode of its own */
    assert_int_equal(edid[54 + 5] | (edid[54 + 7] & 0xf0) << 4, 800);
    assert_int_equal(phys_read(t->bus->phys, REGS, 4), 0xffffff00);
    assert_int_equal(phys_read(t->bus->phys, REGS + 0x80, 2), 0xffff);
}

static void test_dispi(void **state)
{
    struct devtest *t = *state;

    assert_int_equal(dispi_get(t, 0), 0xb0c5);
    dispi(t, 0, 0xb0c2);
    assert_int_equal(dispi_get(t, 0), 0xb0c2);
    dispi(t, 0, 0x1234);
    assert_int_equal(dispi_get(t, 0), 0xb0c2);
    assert_int_equal(dispi_get(t, 10), 256); /* 64 KiB */
    dispi(t, 4, 2);
    assert_int_equal(dispi_get(t, 1), 2560);
    assert_int_equal(dispi_get(t, 2), 1600);
    assert_int_equal(dispi_get(t, 3), 32);
    dispi(t, 4, 0);
    dispi(t, 1, 2560);
    dispi(t, 2, 1600);
    dispi(t, 3, 7); /* no such depth */
    dispi(t, 3, 32);
    phys_write(t->bus->phys, LFB, 4, 0x11223344);
    dispi(t, 4, 0xc1);
    assert_int_equal(phys_read(t->bus->phys, LFB, 4), 0x11223344); /* not cleared */
    assert_int_equal(dispi_get(t, 6), 2560);
    assert_int_equal(dispi_get(t, 7), (16 << 20) / 2560 / 4);
    dispi(t, 9, 2000); /* no further than memory goes */
    assert_int_equal(dispi_get(t, 9), (16 << 20) / 2560 / 4 - 1600);
    dispi(t, 4, 0);
    dispi(t, 4, 0x41);
    assert_int_equal(phys_read(t->bus->phys, LFB, 4), 0);
    assert_int_equal(dispi_get(t, 9), 0);
    dispi(t, 1, 8000);
    dispi(t, 2, 8000);
    assert_int_equal(dispi_get(t, 1), 2560);
    assert_int_equal(dispi_get(t, 2), 1600);
}

/* The window shows 64 KiB banks of the linear memory. */
static void test_banks(void **state)
{
    struct devtest *t = *state;

    dt_out(t, 0x3c2, 3);
    dispi(t, 1, 1024);
    dispi(t, 2, 768);
    dispi(t, 3, 8);
    dispi(t, 4, 1);
    dispi(t, 5, 11);
    assert_int_equal(dispi_get(t, 5), 11);
    phys_write(t->bus->phys, A0000 + 0x8000, 4, 0xcafebabe);
    assert_int_equal(phys_read(t->bus->phys, LFB + 11 * 0x10000 + 0x8000, 4), 0xcafebabe);
    dispi(t, 5, 0x10a); /* wraps in 16 MiB */
    assert_int_equal(dispi_get(t, 5), 10);
    assert_true(phys_is_shared(t->bus->phys, A0000));
    reg(t, 0x3c4, 2, 0x01); /* by the planes' path, the same place */
    poke(t, A0000 + 4, 0x66);
    assert_int_equal(phys_read(t->bus->phys, LFB + 10 * 0x10000 + 4, 4), 0x66);
    dispi(t, 4, 0);
    assert_int_equal(dispi_get(t, 5), 0);
}

static void test_state(void **state)
{
    struct devtest *t = *state;
    u64 start = dt_hash(t);

    phys_write(t->bus->phys, LFB + 0xabcdef, 1, 1);
    assert_true(dt_hash(t) != start);
    phys_write(t->bus->phys, LFB + 0xabcdef, 1, 0);
    assert_true(dt_hash(t) == start);
    for (u16 port = 0x3c4; port <= 0x3d4; port = (u16)(port + 2))
        for (unsigned i = 0; i < 8 && port != 0x3ca; i++)
            reg(t, port, i, 0x5a);
    poke(t, A0000, 1);
    assert_true(dt_hash(t) != start);
    bus_reset(t->bus);
    dt_script(t, "outl cf8 80001010; outl cfc e0000000; outl cf8 80001018; outl cfc e1000000");
    dt_script(t, "outl cf8 80001004; outl cfc 2");
    assert_true(dt_hash(t) == start);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vga_setup, vga_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_masks),
        T(test_crtc),
        T(test_attribute_controller),
        T(test_dac),
        T(test_timing),
        T(test_retrace_status),
        T(test_write_mode_0),
        T(test_write_modes_1_to_3),
        T(test_read_modes),
        T(test_window),
        T(test_odd_even),
        T(test_chain_4),
        T(test_pci),
        T(test_rom),
        T(test_edid),
        T(test_dispi),
        T(test_banks),
        T(test_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
