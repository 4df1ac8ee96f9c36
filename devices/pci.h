/* A PCI bus: configuration space, base address registers, interrupt pins. PCI Local Bus 2.1.
 *
 * A function is a struct pci_func inside a device's struct, listed in its fields as
 * FIELD_SUB(struct foo, pci, pci_func_fields). The device's init calls pci_func_init() and then
 * adds bars and sets up the bytes of its own (config: value, wmask: which bits software may write);
 * its reset calls pci_func_reset() and then stores what is not zero; its loaded calls
 * pci_func_loaded(). */
#ifndef DEVICES_PCI_H
#define DEVICES_PCI_H

#include "devices/core/dev.h"

#define PCI_KIND "pci" /* of the object "pci.0" on the board's bus */

/* What lies above is not PCI's: APICs, firmware. */
#define PCI_MEMORY_END 0xfec00000u

#define PCI_DEVFN(slot, function) ((u8)((slot) << 3 | (function)))

enum pci_register {
    PCI_VENDOR = 0x00,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x09,
    PCI_CACHE_LINE = 0x0c,
    PCI_LATENCY = 0x0d,
    PCI_HEADER = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_ROM = 0x30,
    PCI_INT_LINE = 0x3c,
    PCI_INT_PIN = 0x3d,
};

enum {
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_COMMAND_MASTER = 4,
    PCI_COMMAND_MWI = 0x10,
};

#define PCI_BARS  6
#define PCI_PIRQS 4

/* What pci_func_init() needs to know. */
struct pci_id {
    u16 vendor, device;
    u32 class_code; /* class, subclass, programming interface */
    u8 revision;
    u8 pin;     /* 1..4: INTA..INTD, 0: none */
    bool multi; /* other functions share its slot */
};

struct pci_bar {
    const struct io_ops *io; /* one of io, mem and ram, or there is no such bar */
    const struct mmio_ops *mem;
    u8 *ram;
    void *opaque;
    u32 size;
    u32 at; /* where it is mapped now, 0: nowhere */
};

struct pci_bus;

struct pci_func {
    u8 config[256];
    bool intx; /* it drives its interrupt pin */

    /* Set by init. */
    u8 wmask[256];
    struct pci_bar bar[PCI_BARS];
    struct {
        const u8 *data; /* NULL: none */
        u32 size, at;   /* where it is mapped now, 0: nowhere */
    } rom;
    struct pci_bus *pci;
    u8 devfn;
    /* Software is about to read bytes [first, first + size), or wrote them; each may be NULL. */
    void (*reading)(struct pci_func *f, unsigned first, unsigned size);
    void (*written)(struct pci_func *f, unsigned first, unsigned size);
};
extern const struct field pci_func_fields[];

/* The bus; its owner is the host bridge. */
struct pci_func;
/* Of a copy with fields from a file: is it this function? */
bool pci_func_valid(const struct pci_func *copy);

struct pci_bus {
    struct bus *bus;
    struct pci_func *func[256];                             /* by devfn */
    void (*route)(void *opaque, unsigned pirq, bool level); /* the interrupt router's inputs */
    void *route_opaque;
};

/* Puts a function onto the PCI bus of the board, or for PCI_DEVFN_ANY into the first slot from
 * PCI_FIRST_SLOT on that is free. Returns NULL, or a message for dev_type.init. */
#define PCI_DEVFN_ANY  0xff
#define PCI_FIRST_SLOT 3
const char *pci_func_init(struct pci_func *f, struct bus *bus, u8 devfn, const struct pci_id *id);

/* Base address registers, of a power of two bytes: ports (4..256), memory (a multiple of 4 KiB).
 * I/O handlers get full port numbers: subtract bar[n].at. */
void pci_add_io_bar(struct pci_func *f, unsigned n, u32 size, const struct io_ops *ops,
                    void *opaque);
void pci_add_mem_bar(struct pci_func *f, unsigned n, u32 size, const struct mmio_ops *ops,
                     void *opaque);

/* One that shows memory of the device's own (size bytes), prefetchable. See phys_add_shared(). */
void pci_add_ram_bar(struct pci_func *f, unsigned n, u32 size, u8 *ram);

/* The expansion ROM: size bytes (a power of two, at least 4 KiB) that stay the caller's. */
void pci_add_rom(struct pci_func *f, u32 size, const u8 *data);

void pci_func_reset(struct pci_func *f);  /* zero in all that software can write */
void pci_func_loaded(struct pci_func *f); /* maps what config says */

/* Level of the function's interrupt pin. */
void pci_set_intx(struct pci_func *f, bool level);

/* The level of one of the four PIRQ lines: INTx of all slots, swizzled. */
bool pci_pirq_level(const struct pci_bus *pci, unsigned pirq);

/* Configuration cycles: size bytes (1..4) that do not leave the dword. Absent functions read ones.
 */
u32 pci_config_read(struct pci_bus *pci, u8 devfn, unsigned addr, unsigned size);
void pci_config_write(struct pci_bus *pci, u8 devfn, unsigned addr, unsigned size, u32 value);

/* The option text of a slot, addr=4 or addr=04.0 (hexadecimal); NULL: PCI_DEVFN_ANY. False: it is
 * none. */
bool pci_parse_addr(const char *text, u8 *devfn);

/* The board's PCI bus, or NULL. */
struct pci_bus *pci_find(struct bus *bus);

#endif
