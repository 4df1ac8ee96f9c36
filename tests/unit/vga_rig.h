/* A board with nothing but a VGA, for its tests: registers by index, the window, the picture. */
#ifndef TESTS_UNIT_VGA_RIG_H
#define TESTS_UNIT_VGA_RIG_H

#include "devices/vga.h"
#include "tests/unit/devtest.h"

#define LFB  0xe0000000u
#define REGS 0xe1000000u

/* Register values of a mode. */
struct vga_mode {
    u8 misc, seq[5], crtc[25], gc[9], attr[21];
};

DT_UNUSED static int vga_setup(void **state)
{
    struct devtest *t = dt_open();

    t->bus->phys = phys_new(1 << 20);
    assert_non_null(t->bus->phys);
    dt_dev(t, &dev_i440fx, NULL);
    dt_dev(t, &dev_vga, "id=" VGA_ID);
    dt_script(t, "outl cf8 80001010; outl cfc e0000000; outl cf8 80001018; outl cfc e1000000");
    dt_script(t, "outl cf8 80001004; outl cfc 2");
    *state = t;
    return 0;
}

DT_UNUSED static int vga_teardown(void **state)
{
    struct devtest *t = *state;
    struct phys *phys = t->bus->phys;

    dt_close(t);
    phys_free(phys);
    return 0;
}

DT_UNUSED static void reg(struct devtest *t, u16 port, unsigned index, u8 value)
{
    dt_out(t, port, index);
    dt_out(t, (u16)(port + 1), value);
}

DT_UNUSED static u8 get(struct devtest *t, u16 port, unsigned index)
{
    dt_out(t, port, index);
    return (u8)dt_in(t, (u16)(port + 1));
}

DT_UNUSED static void attr(struct devtest *t, unsigned index, u8 value)
{
    dt_in(t, 0x3da);
    dt_out(t, 0x3c0, index);
    dt_out(t, 0x3c0, value);
    dt_out(t, 0x3c0, 0x20);
}

DT_UNUSED static void dispi(struct devtest *t, unsigned index, u16 value)
{
    bus_out(t->bus, 0x1ce, 2, index);
    bus_out(t->bus, 0x1cf, 2, value);
}

DT_UNUSED static u32 dispi_get(struct devtest *t, unsigned index)
{
    bus_out(t->bus, 0x1ce, 2, index);
    return bus_in(t->bus, 0x1cf, 2);
}

DT_UNUSED static void poke(struct devtest *t, u32 addr, u8 value)
{
    phys_write(t->bus->phys, addr, 1, value);
}

DT_UNUSED static u8 peek(struct devtest *t, u32 addr)
{
    return (u8)phys_read(t->bus->phys, addr, 1);
}

/* The four planes' bytes at an offset, plane 0 lowest, by the linear frame buffer. */
DT_UNUSED static u32 planes(struct devtest *t, u32 offset)
{
    return (u32)phys_read(t->bus->phys, LFB + offset * 4, 4);
}

DT_UNUSED static void set_planes(struct devtest *t, u32 offset, u32 value)
{
    phys_write(t->bus->phys, LFB + offset * 4, 4, value);
}

DT_UNUSED static void set_mode(struct devtest *t, const struct vga_mode *m)
{
    dt_out(t, 0x3c2, m->misc);
    for (unsigned i = 0; i < 5; i++)
        reg(t, 0x3c4, i, m->seq[i]);
    reg(t, 0x3d4, 0x11, 0);
    for (unsigned i = 0; i < 25; i++)
        reg(t, 0x3d4, i, m->crtc[i]);
    for (unsigned i = 0; i < 9; i++)
        reg(t, 0x3ce, i, m->gc[i]);
    for (unsigned i = 0; i < 21; i++)
        attr(t, i, m->attr[i]);
    dt_out(t, 0x3c8, 0);
    for (unsigned i = 0; i < 256; i++) { /* colour i: red 0, green i / 4, blue i % 64 */
        dt_out(t, 0x3c9, 0);
        dt_out(t, 0x3c9, i / 4);
        dt_out(t, 0x3c9, i % 64);
    }
}

/* What a colour of set_mode()'s looks like. */
DT_UNUSED static u32 shade(unsigned i)
{
    u32 g = i / 4, b = i % 64;
    return (g << 2 | g >> 4) << 8 | (b << 2 | b >> 4);
}

#endif
