/* Writing traces: events become records, which are small as each is the difference to the one
 * before; records become chunks, compressed, each of which can be read without the others. */
#include "machine/trace_code.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <zlib.h>

struct trace_writer {
    FILE *f;
    struct trace_state s;
    u8 *raw, *packed, *index;
    size_t n, packed_room; /* bytes in raw, which holds CHUNK_LIMIT */
    u64 records, first_tick, at, chunks, index_room;
    bool failed;
};

static void out(struct trace_writer *w, const void *data, size_t n)
{
    if (!w->failed && fwrite(data, 1, n, w->f) != n)
        w->failed = true;
    w->at += n;
}

struct trace_writer *trace_writer_new(FILE *f, const char *text)
{
    struct trace_writer *w = calloc(1, sizeof(*w));
    u8 head[HEADER_BYTES] = TRACE_MAGIC;
    size_t len = strlen(text);

    if (!w)
        return NULL;
    w->f = f;
    w->packed_room = compressBound(CHUNK_LIMIT);
    w->raw = malloc(CHUNK_LIMIT);
    w->packed = malloc(w->packed_room);
    if (!w->raw || !w->packed) {
        free(w->raw);
        free(w->packed);
        free(w);
        return NULL;
    }
    len = len < TEXT_LIMIT ? len : TEXT_LIMIT;
    store_le(head + 8, 4, TRACE_VERSION);
    store_le(head + 12, 4, len);
    store_le(head + 16, 4, crc32(0, (const u8 *)text, (unsigned)len));
    out(w, head, sizeof(head));
    out(w, text, len);
    return w;
}

/* ---- chunks ---- */

static void index_add(struct trace_writer *w)
{
    if (w->chunks * INDEX_BYTES == w->index_room) {
        u64 room = w->index_room ? 2 * w->index_room : 64 * INDEX_BYTES;
        u8 *index = realloc(w->index, room);
        if (!index) {
            w->failed = true;
            return;
        }
        w->index = index;
        w->index_room = room;
    }
    store_le(w->index + w->chunks * INDEX_BYTES, 8, w->at);
    store_le(w->index + w->chunks * INDEX_BYTES + 8, 8, w->first_tick);
    w->chunks++;
}

static void end_chunk(struct trace_writer *w)
{
    u8 head[CHUNK_BYTES];
    uLongf stored = w->packed_room;

    if (!w->n)
        return;
    if (compress2(w->packed, &stored, w->raw, w->n, 1) != Z_OK)
        w->failed = true;
    index_add(w);
    store_le(head, 4, CHUNK_MAGIC);
    store_le(head + 4, 4, w->n);
    store_le(head + 8, 4, stored);
    store_le(head + 12, 4, crc32(0, w->packed, (unsigned)stored));
    store_le(head + 16, 8, w->first_tick);
    store_le(head + 24, 8, w->records);
    out(w, head, sizeof(head));
    out(w, w->packed, stored);
    w->n = 0;
    w->records = 0;
    memset(&w->s, 0, sizeof(w->s));
}

bool trace_writer_end(struct trace_writer *w)
{
    u8 end[END_BYTES];
    bool ok;

    end_chunk(w);
    store_le(end, 8, w->chunks);
    store_le(end + 8, 4, crc32(0, w->index, (unsigned)(w->chunks * INDEX_BYTES)));
    store_le(end + 12, 4, 0);
    memcpy(end + 16, TRACE_END_MAGIC, 8);
    if (w->chunks)
        out(w, w->index, w->chunks * INDEX_BYTES);
    out(w, end, sizeof(end));
    ok = !w->failed && !fflush(w->f);
    free(w->raw);
    free(w->packed);
    free(w->index);
    free(w);
    return ok;
}

/* ---- records ---- */

static void put_bytes(struct trace_writer *w, const void *data, size_t n)
{
    memcpy(w->raw + w->n, data, n);
    w->n += n;
}

static void put_byte(struct trace_writer *w, unsigned v)
{
    w->raw[w->n++] = (u8)v;
}

/* Seven bits a byte, the low ones first. */
static void put_number(struct trace_writer *w, u64 v)
{
    while (v >= 0x80) {
        put_byte(w, (unsigned)(v & 0x7f) | 0x80);
        v >>= 7;
    }
    put_byte(w, (unsigned)v);
}

/* A difference: small ones of either sign are small numbers. */
static void put_signed(struct trace_writer *w, u64 v)
{
    put_number(w, v << 1 ^ (0 - (v >> 63)));
}

static void begin(struct trace_writer *w, enum trace_kind kind, unsigned flags, u64 tick)
{
    if (!w->n)
        w->first_tick = tick;
    u64 expected = trace_expected(&w->s, kind);
    put_byte(w, kind | flags | (tick == expected ? 0 : F_TICK));
    if (tick != expected)
        put_signed(w, tick - expected);
    trace_passed(&w->s, kind, tick);
    w->records++;
}

static void put_insn(struct trace_writer *w, const struct trace_event *e)
{
    struct trace_state *s = &w->s;
    u64 linear = trace_linear(s->regs, e->eip);
    unsigned slot = trace_insn_slot(linear);
    bool known = s->insn[slot].len == e->len && s->insn[slot].linear == linear &&
                 !memcmp(s->insn[slot].bytes, e->bytes, e->len);

    begin(w, TRACE_INSN, (e->eip == s->eip ? 0 : F_A) | (known ? 0 : F_B), e->tick);
    if (e->eip != s->eip)
        put_signed(w, e->eip - s->eip);
    if (!known) {
        put_byte(w, e->len);
        put_bytes(w, e->bytes, e->len);
        s->insn[slot].linear = linear;
        s->insn[slot].len = e->len;
        memcpy(s->insn[slot].bytes, e->bytes, e->len);
    }
    s->eip = e->eip + e->len;
    s->regs[TREG_eip] = e->eip;
}

static void put_access(struct trace_writer *w, const struct trace_event *e)
{
    struct trace_state *s = &w->s;
    u64 page = e->linear >> PAGE_BITS;
    u64 phys = e->phys >> PAGE_BITS;
    bool known = s->page[page % PAGE_SLOTS].valid && s->page[page % PAGE_SLOTS].page == page &&
                 s->page[page % PAGE_SLOTS].phys == phys;

    begin(w, e->kind, (e->write ? F_A : 0) | (known ? 0 : F_B) | (e->old ? F_C : 0), e->tick);
    put_signed(w, e->linear - s->linear);
    put_number(w, e->size);
    if (!known) {
        put_number(w, phys);
        s->page[page % PAGE_SLOTS].valid = true;
        s->page[page % PAGE_SLOTS].page = page;
        s->page[page % PAGE_SLOTS].phys = phys;
    }
    put_bytes(w, e->data, e->size);
    if (e->old)
        put_bytes(w, e->old, e->size);
    s->linear = e->linear + e->size;
}

static void put_phys(struct trace_writer *w, const struct trace_event *e)
{
    size_t name = e->kind == TRACE_DMA ? strlen(e->text) : 0;

    begin(w, e->kind, (e->write ? F_A : 0) | (e->old ? F_C : 0), e->tick);
    put_number(w, e->phys);
    put_number(w, e->size);
    if (e->kind == TRACE_DMA) {
        name = name < TRACE_MAX_NAME ? name : TRACE_MAX_NAME - 1;
        put_byte(w, (unsigned)name);
        put_bytes(w, e->text, name);
    }
    put_bytes(w, e->data, e->size);
    if (e->old)
        put_bytes(w, e->old, e->size);
}

static void put_screen(struct trace_writer *w, const struct trace_event *e)
{
    size_t bytes = (size_t)e->width * e->height * (e->kind == TRACE_TEXT ? 2 : 3);

    if (bytes > TRACE_MAX_SCREEN)
        return;
    begin(w, e->kind, 0, e->tick);
    put_number(w, e->width);
    put_number(w, e->height);
    if (e->kind == TRACE_TEXT)
        put_number(w, e->cursor);
    put_bytes(w, e->data, bytes);
}

void trace_put(struct trace_writer *w, const struct trace_event *e)
{
    if (w->n >= CHUNK_TARGET + CHUNK_SLACK)
        end_chunk(w);
    switch (e->kind) {
    case TRACE_INSN: put_insn(w, e); break;
    case TRACE_MEM:
    case TRACE_MMIO: put_access(w, e); break;
    case TRACE_DMA:
    case TRACE_WALK:
    case TRACE_PHYS: put_phys(w, e); break;
    case TRACE_TEXT:
    case TRACE_PICTURE: put_screen(w, e); break;
    case TRACE_INT:
        begin(w, e->kind, e->has_error ? F_A : 0, e->tick);
        put_byte(w, e->vec);
        put_byte(w, e->how);
        if (e->has_error)
            put_number(w, e->error);
        break;
    case TRACE_PORT:
        begin(w, e->kind, e->write ? F_A : 0, e->tick);
        put_number(w, e->port);
        put_byte(w, e->size);
        put_number(w, e->value);
        break;
    default: begin(w, e->kind, 0, e->tick); break;
    }
}

void trace_put_regs(struct trace_writer *w, enum trace_kind kind, u64 tick,
                    const u64 regs[TRACE_REGS], bool eip)
{
    u8 differ[TRACE_REGS];
    unsigned n = 0;

    if (kind == TRACE_SYNC && w->n >= CHUNK_TARGET)
        end_chunk(w);
    for (unsigned i = 0; i < TRACE_REGS; i++)
        if (regs[i] != w->s.regs[i] && (eip || i != TREG_eip))
            differ[n++] = (u8)i;
    if (!n)
        return;
    begin(w, kind, 0, tick);
    put_byte(w, n);
    for (unsigned i = 0; i < n; i++) {
        put_byte(w, differ[i]);
        put_signed(w, regs[differ[i]] - w->s.regs[differ[i]]);
        w->s.regs[differ[i]] = regs[differ[i]];
    }
}
