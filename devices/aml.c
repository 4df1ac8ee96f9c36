/* AML by hand: every term that contains others starts with its length, known only at its end, so
 * the end moves the contents up and puts the length in its shortest form before them. */
#include "devices/aml.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_EXT = 0x5b,
    OP_EXT_DEVICE = 0x82,
};

/* Resource descriptors (ACPI 3.0, 6.4.2 and 6.4.3). */
enum {
    RES_IRQ = 0x22,
    RES_DMA = 0x2a,
    RES_IO = 0x47,
    RES_END = 0x79,
    RES_MEMORY = 0x86,
    RES_DWORD_SPACE = 0x87,
    RES_WORD_SPACE = 0x88
};
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2, SPACE_FIXED = 0x0c };

static void put(struct aml *a, u64 value, unsigned size)
{
    CHECK(a->len + size <= a->size, "AML of more than %u bytes", a->size);
    store_le(a->buf + a->len, size, value);
    a->len += size;
}

static void put_bytes(struct aml *a, const void *data, u32 len)
{
    CHECK(a->len + len <= a->size, "AML of more than %u bytes", a->size);
    memcpy(a->buf + a->len, data, len);
    a->len += len;
}

static void put_path(struct aml *a, const char *name)
{
    if (*name == '\\')
        put(a, (u8)*name++, 1);
    CHECK(strlen(name) == 4, "AML name '%s'", name);
    put_bytes(a, name, 4);
}

u32 aml_scope(struct aml *a, const char *name)
{
    put(a, OP_SCOPE, 1);
    u32 mark = a->len;
    put_path(a, name);
    return mark;
}

u32 aml_device(struct aml *a, const char *name)
{
    put(a, OP_EXT, 1);
    put(a, OP_EXT_DEVICE, 1);
    u32 mark = a->len;
    put_path(a, name);
    return mark;
}

u32 aml_package(struct aml *a, u8 elements)
{
    put(a, OP_PACKAGE, 1);
    u32 mark = a->len;
    put(a, elements, 1);
    return mark;
}

/* PkgLength counts itself: one byte up to 3Fh, else four bits and up to three more bytes. */
void aml_end(struct aml *a, u32 mark)
{
    u32 body = a->len - mark, bytes = 1, total;
    u8 lead[4];

    while (bytes < 4 && body + bytes >= (bytes == 1 ? 1u << 6 : 1u << (8 * bytes - 4)))
        bytes++;
    total = body + bytes;
    if (bytes == 1) {
        lead[0] = (u8)total;
    } else {
        lead[0] = (u8)((bytes - 1) << 6 | (total & 15));
        store_le(lead + 1, bytes - 1, total >> 4);
    }
    put(a, 0, bytes);
    memmove(a->buf + mark + bytes, a->buf + mark, body);
    memcpy(a->buf + mark, lead, bytes);
}

void aml_name(struct aml *a, const char *name)
{
    put(a, OP_NAME, 1);
    put_path(a, name);
}

void aml_int(struct aml *a, u32 value)
{
    if (value <= 1) {
        put(a, value ? OP_ONE : OP_ZERO, 1);
    } else if (value <= 0xff) {
        put(a, OP_BYTE, 1);
        put(a, value, 1);
    } else if (value <= 0xffff) {
        put(a, OP_WORD, 1);
        put(a, value, 2);
    } else {
        put(a, OP_DWORD, 1);
        put(a, value, 4);
    }
}

static u32 hex_digit(char c)
{
    return (u32)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Three letters of five bits and four hexadecimal digits, high byte first. */
void aml_eisaid(struct aml *a, const char *id)
{
    u32 v = 0;

    CHECK(strlen(id) == 7, "EISA id '%s'", id);
    for (unsigned i = 0; i < 3; i++)
        v = v << 5 | (u32)(id[i] & 0x1f);
    for (unsigned i = 3; i < 7; i++)
        v = v << 4 | hex_digit(id[i]);
    put(a, OP_DWORD, 1);
    put(a, __builtin_bswap32(v), 4);
}

/* ---- resources ---- */

static void res(struct aml_resources *r, u64 value, unsigned size)
{
    CHECK(r->len + size <= sizeof(r->bytes), "too many resources");
    store_le(r->bytes + r->len, size, value);
    r->len += size;
}

void aml_res_io(struct aml_resources *r, u16 port, u8 count)
{
    res(r, RES_IO, 1);
    res(r, 1, 1); /* decodes 16 bits */
    res(r, port, 2);
    res(r, port, 2);
    res(r, 1, 1);
    res(r, count, 1);
}

void aml_res_irq(struct aml_resources *r, unsigned line)
{
    res(r, RES_IRQ, 1);
    res(r, 1u << line, 2);
}

void aml_res_dma(struct aml_resources *r, unsigned channel)
{
    res(r, RES_DMA, 1);
    res(r, 1u << channel, 1);
    res(r, 0, 1);
}

void aml_res_memory(struct aml_resources *r, u32 base, u32 size)
{
    res(r, RES_MEMORY, 1);
    res(r, 9, 2);
    res(r, 1, 1); /* can be written */
    res(r, base, 4);
    res(r, size, 4);
}

static void space(struct aml_resources *r, u8 type, u8 flags, u32 first, u32 last, unsigned width)
{
    res(r, width == 4 ? RES_DWORD_SPACE : RES_WORD_SPACE, 1);
    res(r, 3 + 5 * width, 2);
    res(r, type, 1);
    res(r, SPACE_FIXED, 1);
    res(r, flags, 1);
    res(r, 0, width); /* granularity */
    res(r, first, width);
    res(r, last, width);
    res(r, 0, width); /* translation */
    res(r, (u64)last - first + 1, width);
}

void aml_res_bus_window(struct aml_resources *r, u16 first, u16 last)
{
    space(r, SPACE_BUS, 0, first, last, 2);
}

void aml_res_io_window(struct aml_resources *r, u16 first, u16 last)
{
    space(r, SPACE_IO, 3, first, last, 2); /* 3: ISA and other ports */
}

void aml_res_mem_window(struct aml_resources *r, u32 first, u32 last)
{
    space(r, SPACE_MEMORY, 1, first, last, 4); /* 1: can be written, is not cached */
}

void aml_resources(struct aml *a, const struct aml_resources *r)
{
    put(a, OP_BUFFER, 1);
    u32 mark = a->len;
    aml_int(a, r->len + 2);
    put_bytes(a, r->bytes, r->len);
    put(a, RES_END, 1);
    put(a, 0, 1); /* checksum: none */
    aml_end(a, mark);
}
