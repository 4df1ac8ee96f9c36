/* SMBIOS 2.8 (DMTF DSP0134): BIOS, system, chassis, processor, memory. Firmware finds a place for
 * the structures and completes the entry point: their address and the checksums. */
#include "devices/smbios.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/fw_cfg.h"

#define SIZE 1024

struct tables {
    u8 buf[SIZE];
    u32 len;
    u16 count;
    u16 largest;
    u32 start; /* of the structure that is being written */
};

/* A structure's formatted part: type, length, handle, and zeros to be filled in. */
static u8 *begin(struct tables *t, u8 type, u8 len, u16 handle)
{
    u8 *at = t->buf + t->len;

    CHECK(t->len + len + 256 <= SIZE, "SMBIOS tables of more than %u bytes", SIZE);
    t->start = t->len;
    at[0] = type;
    at[1] = len;
    store_le(at + 2, 2, handle);
    t->len += len;
    return at;
}

/* Its strings, one after the other, and an empty one. */
static void end(struct tables *t, const char *const *strings)
{
    bool any = false;

    for (; strings && *strings; strings++) {
        size_t n = strlen(*strings) + 1;
        memcpy(t->buf + t->len, *strings, n);
        t->len += (u32)n;
        any = true;
    }
    t->len += any ? 1 : 2;
    t->count++;
    if (t->len - t->start > t->largest)
        t->largest = (u16)(t->len - t->start);
}

static void bios(struct tables *t)
{
    static const char *const strings[] = {"Orrery", "0.1", "11/21/2026", NULL};
    u8 *s = begin(t, 0, 24, 0);

    s[4] = 1;
    s[5] = 2;
    store_le(s + 6, 2, 0xe000); /* segment */
    s[8] = 3;
    s[9] = 1; /* 128 KiB, in 64 KiB less one */
    /* ISA, PCI, APM, shadowed, boot from CD, selectable boot, EDD */
    store_le(s + 10, 8, 1u << 4 | 1u << 7 | 1u << 10 | 1u << 12 | 1u << 15 | 1u << 16 | 1u << 19);
    s[18] = 1; /* ACPI */
    s[20] = 0;
    s[21] = 1; /* release 0.1 */
    s[22] = s[23] = 0xff;
    end(t, strings);
}

static void system_chassis(struct tables *t)
{
    static const char *const system[] = {"Orrery", "PC (i440FX, PIIX)", "1", NULL},
                             *const chassis[] = {"Orrery", NULL};
    u8 *s = begin(t, 1, 27, 0x100);

    s[4] = 1;
    s[5] = 2;
    s[6] = 3;
    s[24] = 6; /* woken by the power switch */
    end(t, system);
    s = begin(t, 3, 21, 0x300);
    s[4] = 1;
    s[5] = 3;                 /* desktop */
    s[9] = s[10] = s[11] = 3; /* states: safe */
    s[12] = 2;
    end(t, chassis);
}

static void processor(struct tables *t)
{
    static const char *const strings[] = {"CPU 0", NULL};
    u8 *s = begin(t, 4, 42, 0x400);

    s[4] = 1;
    s[5] = 3;     /* central */
    s[6] = 1;     /* family: other */
    s[24] = 0x41; /* present, enabled */
    s[25] = 1;
    store_le(s + 26, 6, 0xffffffffffff); /* no caches told */
    s[35] = s[36] = s[37] = 1;
    end(t, strings);
}

static void memory(struct tables *t, u64 ram_bytes)
{
    static const char *const strings[] = {"DIMM 0", NULL};
    u8 *s = begin(t, 16, 23, 0x1000);

    s[4] = 3; /* on the board, system memory, no correction */
    s[5] = 3;
    s[6] = 3;
    store_le(s + 7, 4, ram_bytes >> 10);
    store_le(s + 11, 2, 0xfffe);
    store_le(s + 13, 2, 1);
    end(t, NULL);
    s = begin(t, 17, 34, 0x1100);
    store_le(s + 4, 2, 0x1000);
    store_le(s + 6, 2, 0xfffe);
    store_le(s + 8, 4, 0xffffffff); /* widths unknown */
    store_le(s + 12, 2, ram_bytes >> 20);
    s[14] = 9; /* DIMM */
    s[16] = 1;
    s[18] = 7; /* RAM */
    end(t, strings);
    s = begin(t, 19, 31, 0x1300);
    store_le(s + 8, 4, (ram_bytes >> 10) - 1);
    store_le(s + 12, 2, 0x1000);
    s[14] = 1;
    end(t, NULL);
}

void smbios_add_files(u64 ram_bytes, struct dev *fw_cfg)
{
    struct tables t = {.len = 0};
    u8 anchor[31] = "_SM_", *s;

    bios(&t);
    system_chassis(&t);
    processor(&t);
    memory(&t, ram_bytes);
    s = begin(&t, 32, 11, 0x2000); /* boot status: no errors */
    s[10] = 0;
    end(&t, NULL);
    begin(&t, 127, 4, 0x7f00);
    end(&t, NULL);
    anchor[5] = sizeof(anchor);
    anchor[6] = 2;
    anchor[7] = 8;
    store_le(anchor + 8, 2, t.largest);
    memcpy(anchor + 16, "_DMI_", 5);
    store_le(anchor + 22, 2, t.len);
    store_le(anchor + 28, 2, t.count);
    anchor[30] = 0x28;
    fw_cfg_set_file(fw_cfg, "etc/smbios/smbios-tables", t.buf, t.len);
    fw_cfg_set_file(fw_cfg, "etc/smbios/smbios-anchor", anchor, sizeof(anchor));
}
