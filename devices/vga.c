/* A VGA as QEMU's "std": PCI 1234:1111, 16 MiB of memory in BAR 0, registers in BAR 2, the legacy
 * ports 3B0h-3DFh and the window at A0000h, and the dispi ports 1CEh and 1CFh. The legacy side
 * answers always, whatever the PCI command register says. The vertical
 * interrupt has a status but no line.
 *
 * The VGA BIOS (bios/vga) is the expansion ROM, and lies at C0000h as well for firmware that does
 * not know PCI; shadow RAM there covers it.
 *
 * After reset the screen is blank: firmware sets the first mode. */
#include "devices/vga.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/check.h"
#include "bios/images.h"
#include "devices/vga_state.h"
#include "mmu/phys.h"

/* BAR 2 (QEMU, docs/specs/standard-vga): the monitor's EDID; the ports; the dispi registers; and a
 * word that says which byte order the frame buffer has. */
enum {
    REGS_SIZE = 0x1000,
    REGS_PORTS = 0x400, /* 3C0h-3DFh */
    REGS_DISPI = 0x500,
    REGS_EXT_SIZE = 0x600,
    REGS_EXT_ENDIAN = 0x604,
};
#define LITTLE_ENDIAN_MARK 0x1e1e1e1eu

#define ROM_ISA 0xc0000u

static const struct field vga_fields[] = {
    FIELD_SUB(struct vga, pci, pci_func_fields),
    FIELD_PAGED(struct vga, vram, vram_size),
    FIELD(struct vga, latch),
    FIELD(struct vga, misc),
    FIELD(struct vga, feature),
    FIELD_MAX(struct vga, seq_index, 7),
    FIELD_ARRAY(struct vga, seq),
    FIELD_MAX(struct vga, crtc_index, 63),
    FIELD_ARRAY(struct vga, crtc),
    FIELD_MAX(struct vga, gc_index, 15),
    FIELD_ARRAY(struct vga, gc),
    FIELD_MAX(struct vga, attr_index, 63),
    FIELD_ARRAY(struct vga, attr),
    FIELD(struct vga, attr_data),
    FIELD_ARRAY(struct vga, dac),
    FIELD(struct vga, dac_mask),
    FIELD(struct vga, dac_read),
    FIELD(struct vga, dac_write),
    FIELD_MAX(struct vga, dac_part, 2),
    FIELD(struct vga, dac_state),
    FIELD(struct vga, armed),
    FIELD(struct vga, dispi_index),
    FIELD_ARRAY(struct vga, dispi),
    FIELD_END,
};

static u32 port_in(void *opaque, u16 port, unsigned size)
{
    (void)size;
    return vga_port_read(opaque, port);
}

static void port_out(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)size;
    vga_port_write(opaque, port, (u8)value);
}

static u64 regs_read(void *opaque, u64 addr, unsigned size)
{
    struct vga *s = opaque;
    u8 edid[VGA_EDID_SIZE];

    if (addr < sizeof(edid)) {
        vga_edid(edid);
        return load_le(edid + addr, size);
    }
    if (addr >= REGS_PORTS && addr < REGS_PORTS + 0x20)
        return vga_port_read(s, (u16)(0x3c0 + addr - REGS_PORTS));
    if (addr >= REGS_DISPI && addr < REGS_DISPI + 2 * DISPI_COUNT)
        return (u64)vga_dispi_read(s, (unsigned)(addr - REGS_DISPI) / 2) >> 8 * (addr & 1);
    if (addr >= REGS_EXT_SIZE && addr < REGS_EXT_ENDIAN)
        return 8 >> 8 * (addr & 3);
    if (addr >= REGS_EXT_ENDIAN && addr < REGS_EXT_ENDIAN + 4)
        return LITTLE_ENDIAN_MARK >> 8 * (addr & 3);
    return size == 1 ? 0xff : 0xffff;
}

/* A word at a port's place is a word to the port and the next; half a dispi register is nothing. */
static void regs_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct vga *s = opaque;

    if (addr >= REGS_PORTS && addr < REGS_PORTS + 0x20) {
        for (unsigned i = 0; i < size; i++)
            vga_port_write(s, (u16)(0x3c0 + addr - REGS_PORTS + i), (u8)(value >> 8 * i));
    } else if (addr >= REGS_DISPI && addr < REGS_DISPI + 2 * DISPI_COUNT && size == 2) {
        vga_dispi_write(s, (unsigned)(addr - REGS_DISPI) / 2, (u16)value);
    }
}

static void vga_reset(struct dev *dev)
{
    struct vga *s = (struct vga *)dev;

    pci_func_reset(&s->pci);
    memset(s->clean, 0, s->vram_size >> PAGE_BITS);
    if (madvise(s->vram, s->vram_size, MADV_DONTNEED)) /* zeros, and no host memory */
        memset(s->vram, 0, s->vram_size);
    memset(s->seq, 0, sizeof(s->seq));
    memset(s->crtc, 0, sizeof(s->crtc));
    memset(s->gc, 0, sizeof(s->gc));
    memset(s->attr, 0, sizeof(s->attr));
    memset(s->dac, 0, sizeof(s->dac));
    memset(s->dispi, 0, sizeof(s->dispi));
    s->latch = 0;
    s->misc = s->feature = 0;
    s->seq_index = s->crtc_index = s->gc_index = s->attr_index = 0;
    s->attr_data = false;
    s->dac_mask = 0xff;
    s->dac_read = s->dac_write = s->dac_part = s->dac_state = 0;
    s->armed = 0;
    s->dispi_index = 0;
    s->dispi[DISPI_ID] = 0xb0c5;
    s->dispi[DISPI_BPP] = 8;
    vga_update_window(s);
}

static bool vga_valid(const struct dev *copy)
{
    const struct vga *s = (const struct vga *)copy;
    return pci_func_valid(&s->pci);
}

static void vga_loaded(struct dev *dev)
{
    struct vga *s = (struct vga *)dev;

    pci_func_loaded(&s->pci);
    vga_update_window(s);
}

static void vga_destroy(struct dev *dev)
{
    struct vga *s = (struct vga *)dev;

    if (s->vram) {
        phys_untrack(dev->bus->phys, s->vram);
        munmap(s->vram, s->vram_size);
    }
    free(s->rom);
}

static const char *add_rom(struct vga *s)
{
    CHECK(vga_rom_size <= VGA_ROM_SIZE, "a VGA BIOS of %u bytes", vga_rom_size);
    s->rom = calloc(1, VGA_ROM_SIZE);
    if (!s->rom)
        return "the host refuses memory for its ROM";
    memcpy(s->rom, vga_rom, vga_rom_size);
    pci_add_rom(&s->pci, VGA_ROM_SIZE, s->rom);
    phys_add_rom(s->dev.bus->phys, ROM_ISA, vga_rom_size, s->rom);
    return NULL;
}

static const char *vga_init(struct dev *dev, struct bus *bus)
{
    static const struct pci_id id = {
        .vendor = 0x1234, .device = 0x1111, .class_code = 0x030000, .revision = 2};
    static const struct io_ops port_ops = {port_in, port_out, 1, 1};
    static const struct mmio_ops regs_ops = {regs_read, regs_write, 1, 2};
    struct vga *s = (struct vga *)dev;
    const char *refusal;
    void *memory;

    if (!bus->phys)
        return "there is no memory for its window";
    refusal = pci_func_init(&s->pci, bus, PCI_DEVFN(2, 0), &id);
    if (refusal)
        return refusal;
    memory = mmap(NULL, VGA_VRAM_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return "the host refuses its memory";
    s->vram = memory;
    s->vram_size = VGA_VRAM_SIZE;
    s->clean = phys_track(bus->phys, s->vram, s->vram_size);
    pci_add_ram_bar(&s->pci, 0, s->vram_size, s->vram);
    pci_add_mem_bar(&s->pci, 2, REGS_SIZE, &regs_ops, s);
    bus_claim_io(bus, 0x3b0, 12, &port_ops, s); /* 3BCh-3BEh are a printer's */
    bus_claim_io(bus, 0x3c0, 32, &port_ops, s);
    bus_claim_io(bus, 0x1ce, 3, &vga_dispi_ops, s);
    bus_claim_mmio(bus, VGA_WINDOW, VGA_WINDOW_SIZE, &vga_window_ops, s);
    return add_rom(s);
}

const struct dev_type dev_vga = {
    .name = "VGA",
    .on_board = true,
    .size = sizeof(struct vga),
    .version = 1,
    .fields = vga_fields,
    .init = vga_init,
    .reset = vga_reset,
    .destroy = vga_destroy,
    .loaded = vga_loaded,
    .valid = vga_valid,
};
