/* Kernels by the Multiboot specification 0.6.96: a header in the first 8 KiB of the file says what
 * the kernel wants; it is an ELF file, or gives its addresses itself. -initrd names modules.
 *
 * The image is made once, as pieces of memory, which the ROM of bios/kernel/ has copied; it also
 * asks the BIOS for the memory map. Information, strings and GDT are one piece in low memory,
 * unless the kernel is there. */
#include "machine/multiboot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "devices/fw_cfg.h"
#include "machine/boot.h"
#include "machine/kernel_rom.h"

#define SEARCH_BYTES  8192u
#define HEADER_MAGIC  0x1badb002u
#define LOADER_NAME   "Orrery"
#define MAX_MODULES   64
#define INFO_ADDR     0x9000u /* below what is linked to the start of a segment */
#define LOW_END       0x90000u
#define HOLE_START    0xa0000u
#define HIGH_MEMORY   0x100000u
#define LOWER_KIB     639u
#define FIRST_DISK    0x8000ffffu /* its first partition, as far as anybody knows */
#define ELF_HEADER    52u
#define ELF_PHDR      32u
#define ELF_EXEC_I386 0x00030002u /* ET_EXEC, EM_386 */

/* Header fields (3.1.1), and bits of its flags. */
enum {
    MB_FLAGS = 4,
    MB_CHECKSUM = 8,
    MB_HEADER_ADDR = 12,
    MB_LOAD_ADDR = 16,
    MB_LOAD_END_ADDR = 20,
    MB_BSS_END_ADDR = 24,
    MB_ENTRY_ADDR = 28,
    MB_WANTS_ADDRESSES = 1 << 16,
    MB_UNKNOWN = 0xfff8, /* required features beyond aligned modules, memory, and a video mode */
};

/* Information (3.3). */
enum {
    MBI_FLAGS = 0,
    MBI_MEM_LOWER = 4,
    MBI_MEM_UPPER = 8,
    MBI_BOOT_DEVICE = 12,
    MBI_CMDLINE = 16,
    MBI_MODS_COUNT = 20,
    MBI_MODS_ADDR = 24,
    MBI_LOADER_NAME = 64,
    MBI_SIZE = 120,
    MBI_HAS = 0x24f, /* memory, boot device, command line, modules, map, loader's name */
    MODULE_ENTRY = 16,
};

struct module {
    u8 *data;
    char *text; /* file name and arguments, as the module is told */
    u32 addr;
    u64 size;
};

struct multiboot_image {
    const char *path;
    u8 *file;
    u64 file_size;
    u64 ram_bytes;
    u32 header; /* its offset in the file */
    u32 entry, info_addr;
    u8 *info;
    struct kernel_piece piece[KERNEL_PIECES_MAX];
    unsigned pieces;
    struct module module[MAX_MODULES];
    unsigned modules;
};

static u32 word(const u8 *p)
{
    return (u32)load_le(p, 4);
}

/* Offset of the header among size bytes from the file's start, or -1. */
static long find_header(const u8 *file, u64 size)
{
    u64 end = size < SEARCH_BYTES ? size : SEARCH_BYTES;
    for (u64 at = 0; at + 12 <= end; at += 4) {
        const u8 *h = file + at;
        if (word(h) == HEADER_MAGIC && word(h) + word(h + MB_FLAGS) + word(h + MB_CHECKSUM) == 0)
            return (long)at;
    }
    return -1;
}

bool multiboot_is(const char *path)
{
    u8 head[SEARCH_BYTES];
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n = fread(head, 1, sizeof(head), f);
    fclose(f);
    return find_header(head, n) >= 0;
}

static bool refuse(const struct multiboot_image *img, const char *why, char *err, size_t size)
{
    return boot_refuse(err, size, "kernel", img->path, why);
}

/* -- where things go -- */

/* What lies where video memory and ROMs are goes nowhere. Linkers put a page there with the headers
 * of an ELF file whose text begins at 1 MiB. */
static bool add_piece(struct multiboot_image *img, u64 addr, const u8 *data, u64 size, u64 room)
{
    if (addr >= HOLE_START && addr < HIGH_MEMORY) {
        u64 lost = room < HIGH_MEMORY - addr ? room : HIGH_MEMORY - addr;
        data += lost < size ? lost : size;
        size -= lost < size ? lost : size;
        addr += lost;
        room -= lost;
        if (!room)
            return true;
    }
    bool in_hole = addr < HIGH_MEMORY && addr + room > KERNEL_LOW_END;
    u16 key = (u16)(FW_CFG_PIECES + img->pieces);
    if (img->pieces == KERNEL_PIECES_MAX || in_hole || addr + room > img->ram_bytes)
        return false;
    img->piece[img->pieces++] = (struct kernel_piece){key, (u32)addr, size, room, data};
    return true;
}

/* The lowest page in [low, high) where size bytes are free; 0 if there is none. */
static u64 find_room(const struct multiboot_image *img, u64 size, u64 low, u64 high)
{
    u64 at = low;
    for (unsigned i = 0; i < img->pieces;) {
        const struct kernel_piece *p = &img->piece[i];
        if (at < p->addr + p->room && p->addr < at + size) {
            at = (p->addr + p->room + PAGE_MASK) & ~(u64)PAGE_MASK;
            i = 0;
        } else {
            i++;
        }
    }
    return at + size <= high ? at : 0;
}

/* -- the kernel -- */

static bool load_by_header(struct multiboot_image *img, char *err, size_t size)
{
    const u8 *h = img->file + img->header;
    u64 at = img->header;
    if (at + 32 > img->file_size)
        return refuse(img, "the file is truncated", err, size);
    u64 addr = word(h + MB_HEADER_ADDR), load = word(h + MB_LOAD_ADDR);
    u64 end = word(h + MB_LOAD_END_ADDR), bss_end = word(h + MB_BSS_END_ADDR);
    if (load > addr || addr - load > at)
        return refuse(img, "the addresses in its Multiboot header are wrong", err, size);
    at -= addr - load;
    if (!end)
        end = load + (img->file_size - at);
    if (end < load || (bss_end && bss_end < end))
        return refuse(img, "the addresses in its Multiboot header are wrong", err, size);
    if (end - load > img->file_size - at)
        return refuse(img, "the file is truncated", err, size);
    img->entry = word(h + MB_ENTRY_ADDR);
    if (!add_piece(img, load, img->file + at, end - load, (bss_end ? bss_end : end) - load))
        return refuse(img, "does not fit into the guest's memory", err, size);
    return true;
}

/* One program header. The entry point is a virtual address of the segment that holds it. */
static bool load_segment(struct multiboot_image *img, const u8 *ph, u32 entry, char *err,
                         size_t size)
{
    u32 offset = word(ph + 4), virt = word(ph + 8), phys = word(ph + 12);
    u32 file_size = word(ph + 16), room = word(ph + 20);
    if (word(ph) != 1 || !room) /* PT_LOAD */
        return true;
    if (file_size > room)
        return refuse(img, "a malformed ELF file", err, size);
    if (file_size && (offset > img->file_size || file_size > img->file_size - offset))
        return refuse(img, "the file is truncated", err, size);
    if (entry - virt < room)
        img->entry = entry - virt + phys;
    if (!add_piece(img, phys, img->file + (file_size ? offset : 0), file_size, room))
        return refuse(img, "does not fit into the guest's memory", err, size);
    return true;
}

static bool load_elf(struct multiboot_image *img, char *err, size_t size)
{
    const u8 *e = img->file;
    if (img->file_size < ELF_HEADER || memcmp(e, "\177ELF", 4))
        return refuse(img, "a Multiboot header without addresses, and not an ELF file", err, size);
    if (e[4] != 1 || e[5] != 1 || word(e + 16) != ELF_EXEC_I386)
        return refuse(img, "not an executable ELF file for 32-bit x86", err, size);
    u64 at = word(e + 28), step = load_le(e + 42, 2), count = load_le(e + 44, 2);
    if (step < ELF_PHDR || at + step * count > img->file_size)
        return refuse(img, "a malformed ELF file", err, size);
    img->entry = word(e + 24);
    for (u64 i = 0; i < count; i++)
        if (!load_segment(img, e + at + i * step, word(e + 24), err, size))
            return false;
    return img->pieces || refuse(img, "an ELF file with nothing to load", err, size);
}

static bool load_kernel(struct multiboot_image *img, char *err, size_t size)
{
    if (!boot_read_file("kernel", img->path, &img->file, &img->file_size, err, size))
        return false;
    long header = find_header(img->file, img->file_size);
    if (header < 0)
        return refuse(img, "the file has changed", err, size);
    img->header = (u32)header;
    u32 flags = word(img->file + img->header + MB_FLAGS);
    if (flags & MB_UNKNOWN)
        return refuse(img, "its Multiboot header requires unknown features", err, size);
    return flags & MB_WANTS_ADDRESSES ? load_by_header(img, err, size) : load_elf(img, err, size);
}

/* -- modules -- */

/* Takes the text of one module off *list, where ',' separates and ",," is a comma. */
static char *next_module(const char **list)
{
    char *text = malloc(strlen(*list) + 1), *out = text;
    const char *p = *list;
    if (!text)
        return NULL;
    for (; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        *out++ = *p;
    }
    *out = 0;
    *list = *p ? p + 1 : NULL;
    return text;
}

static bool load_module(struct multiboot_image *img, struct module *m, char *err, size_t size)
{
    size_t name = m->text ? strcspn(m->text, " ") : 0;
    char *path = m->text ? strndup(m->text, name) : NULL;
    bool ok = path && boot_read_file("initrd", path, &m->data, &m->size, err, size);
    if (!path)
        snprintf(err, size, "out of memory");
    if (ok) {
        m->addr = (u32)find_room(img, m->size, HIGH_MEMORY, kernel_ram_end(img->ram_bytes));
        ok = m->addr && add_piece(img, m->addr, m->data, m->size, m->size);
        if (!ok)
            boot_refuse(err, size, "initrd", path, "does not fit into the guest's memory");
    }
    free(path);
    return ok;
}

static bool load_modules(struct multiboot_image *img, const char *list, char *err, size_t size)
{
    while (list) {
        if (img->modules == MAX_MODULES) {
            snprintf(err, size, "-initrd: at most %d Multiboot modules", MAX_MODULES);
            return false;
        }
        struct module *m = &img->module[img->modules++];
        m->text = next_module(&list);
        if (!load_module(img, m, err, size))
            return false;
    }
    return true;
}

/* -- what the kernel is told -- */

static void put(u8 *at, u32 value)
{
    store_le(at, 4, value);
}

/* Puts a string at *at, moves *at behind it, returns its guest address. */
static u32 put_string(struct multiboot_image *img, u8 **at, const char *s)
{
    u32 addr = img->info_addr + (u32)(*at - img->info);
    memcpy(*at, s, strlen(s) + 1);
    *at += strlen(s) + 1;
    return addr;
}

/* The ROM fills in where the memory map is. */
static void fill_info(struct multiboot_image *img, const char *cmdline)
{
    u8 *mods = img->info + MBI_SIZE;
    u64 end = kernel_ram_end(img->ram_bytes);
    u8 *strings = mods + img->modules * MODULE_ENTRY;
    u32 mods_addr = img->info_addr + MBI_SIZE;

    for (unsigned i = 0; i < img->modules; i++) {
        const struct module *m = &img->module[i];
        put(mods + i * MODULE_ENTRY, m->addr);
        put(mods + i * MODULE_ENTRY + 4, m->addr + (u32)m->size);
        put(mods + i * MODULE_ENTRY + 8, put_string(img, &strings, m->text));
    }
    put(img->info + MBI_FLAGS, MBI_HAS);
    put(img->info + MBI_MEM_LOWER, LOWER_KIB);
    put(img->info + MBI_MEM_UPPER, (u32)((end > HIGH_MEMORY ? end - HIGH_MEMORY : 0) / 1024));
    put(img->info + MBI_BOOT_DEVICE, FIRST_DISK);
    put(img->info + MBI_CMDLINE, put_string(img, &strings, cmdline));
    put(img->info + MBI_MODS_COUNT, img->modules);
    put(img->info + MBI_MODS_ADDR, mods_addr);
    put(img->info + MBI_LOADER_NAME, put_string(img, &strings, LOADER_NAME));
}

static bool make_info(struct multiboot_image *img, const char *append, char *err, size_t size)
{
    char *cmdline = malloc(strlen(img->path) + strlen(append) + 2);
    u64 room = MBI_SIZE + sizeof(LOADER_NAME);

    room += strlen(img->path) + strlen(append) + 2;
    for (unsigned i = 0; i < img->modules; i++)
        room += MODULE_ENTRY + strlen(img->module[i].text) + 1;
    img->info = calloc(1, room);
    if (!cmdline || !img->info) {
        free(cmdline);
        snprintf(err, size, "out of memory");
        return false;
    }
    sprintf(cmdline, "%s%s%s", img->path, *append ? " " : "", append);
    u64 at = find_room(img, room, INFO_ADDR, LOW_END);
    if (!at)
        at = find_room(img, room, HIGH_MEMORY, kernel_ram_end(img->ram_bytes));
    img->info_addr = (u32)at;
    bool ok = at && add_piece(img, at, img->info, room, room);
    if (ok)
        fill_info(img, cmdline);
    else
        refuse(img, "does not fit into the guest's memory with its modules", err, size);
    free(cmdline);
    return ok;
}

struct multiboot_image *multiboot_load(const char *kernel, const char *initrd, const char *append,
                                       u64 ram_bytes, char *err, size_t err_size)
{
    struct multiboot_image *img = calloc(1, sizeof(*img));
    if (!img) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    img->path = kernel;
    img->ram_bytes = ram_bytes;
    bool ok = load_kernel(img, err, err_size) && load_modules(img, initrd, err, err_size) &&
              make_info(img, append ? append : "", err, err_size);
    img->path = NULL; /* the caller's */
    if (!ok) {
        multiboot_free(img);
        return NULL;
    }
    return img;
}

void multiboot_free(struct multiboot_image *img)
{
    if (!img)
        return;
    for (unsigned i = 0; i < img->modules; i++) {
        free(img->module[i].data);
        free(img->module[i].text);
    }
    free(img->info);
    free(img->file);
    free(img);
}

u64 multiboot_hash(const struct multiboot_image *img)
{
    struct hash h;
    hash_init(&h);
    hash_u64(&h, img->entry);
    for (unsigned i = 0; i < img->pieces; i++) {
        const struct kernel_piece *p = &img->piece[i];
        hash_u64(&h, p->addr | p->room << 32);
        hash_u64(&h, p->size);
        hash_bytes(&h, p->data, p->size);
    }
    return hash_value(&h);
}

void multiboot_add_items(const struct multiboot_image *img, struct dev *fw_cfg)
{
    const struct kernel_start start = {.entry = img->entry, .info = img->info_addr};

    kernel_rom_add(fw_cfg, &start, img->piece, img->pieces);
}
