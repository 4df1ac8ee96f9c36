/* The configuration device of QEMU-like machines (docs/specs/fw_cfg): keys at port 510h, bytes at
 * 511h. */
#include "bios/post/post.h"

#define SELECT 0x510
#define BYTES  0x511
enum { KEY_SIGNATURE = 0, KEY_FILES = 0x19 };

static u32 big(const u8 *p, unsigned n)
{
    u32 v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void take(void *to, u32 len)
{
    u8 *p = to;
    asm volatile("rep insb" : "+D"(p), "+c"(len) : "d"(BYTES) : "memory");
}

bool fwcfg_item(u16 key, void *to, u32 len)
{
    if (!SHARED->firmware_config)
        return false;
    outw(SELECT, key);
    take(to, len);
    return true;
}

bool fwcfg_present(void)
{
    char signature[4];

    outw(SELECT, KEY_SIGNATURE);
    take(signature, 4);
    SHARED->firmware_config = !memcmp(signature, "QEMU", 4);
    return SHARED->firmware_config;
}

bool fwcfg_entry(u32 n, struct fwcfg_file *f)
{
    u8 count[4], entry[64];

    if (!fwcfg_item(KEY_FILES, count, 4) || n >= big(count, 4))
        return false;
    for (u32 i = 0; i <= n; i++)
        take(entry, sizeof(entry));
    f->len = big(entry, 4);
    f->key = (u16)big(entry + 4, 2);
    memcpy(f->name, entry + 8, sizeof(f->name));
    return true;
}

bool fwcfg_find(const char *name, struct fwcfg_file *f)
{
    for (u32 n = 0; fwcfg_entry(n, f); n++)
        if (!memcmp(f->name, name, strlen(name) + 1))
            return true;
    return false;
}

/* A file that holds a little-endian number. */
u32 fwcfg_number(const char *name, u32 otherwise)
{
    struct fwcfg_file f;
    u32 v = 0;

    if (!fwcfg_find(name, &f) || f.len > 8)
        return otherwise;
    fwcfg_item(f.key, &v, f.len < 4 ? f.len : 4);
    return v;
}
