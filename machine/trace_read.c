/* Reading traces, of whatever quality: every number is checked against what is there. A file
 * without an index, whose writer has not come to its end, is read up to where it breaks off. */
#include "machine/trace_code.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <zlib.h>

#define TREG(name, bits) {#name, bits},
const struct trace_reg_info trace_reg_info[TRACE_REGS] = {
#include "machine/trace_regs.def"
};
#undef TREG

struct trace_reader {
    FILE *f;
    char *text;
    u64 file_bytes, body; /* where the chunks begin */
    bool whole;
    u64 mask; /* the bits that addresses have in this version */
    u64 chunks, chunk_room;
    struct {
        u64 offset, tick;
    } * index;
    u64 next_chunk;
    struct trace_state s;
    u64 last[TRACE_REGS]; /* registers at the end of the chunk before */
    bool repeats;         /* the next record may tell all of them again */
    u8 *raw, *packed;
    u64 n, at; /* bytes in raw, how many of them are read */
    char name[TRACE_MAX_NAME];
    const char *error;
};

static bool fail(struct trace_reader *r, const char *why)
{
    r->error = why;
    return false;
}

static bool read_at(struct trace_reader *r, u64 offset, void *buf, size_t n)
{
    return offset <= r->file_bytes && n <= r->file_bytes - offset &&
           !fseeko(r->f, (off_t)offset, SEEK_SET) && fread(buf, 1, n, r->f) == n;
}

/* ---- header and index ---- */

static bool read_header(struct trace_reader *r)
{
    u8 head[HEADER_BYTES];

    if (fseeko(r->f, 0, SEEK_END) || (r->file_bytes = (u64)ftello(r->f), false) ||
        !read_at(r, 0, head, sizeof(head)) || memcmp(head, TRACE_MAGIC, 8) != 0)
        return fail(r, "is not a trace");
    u64 version = load_le(head + 8, 4);
    if (!version || version > TRACE_VERSION)
        return fail(r, "is a trace of another version");
    r->mask = version == 1 ? UINT32_MAX : UINT64_MAX;
    u32 len = (u32)load_le(head + 12, 4);
    if (len > TEXT_LIMIT)
        return fail(r, "is damaged: its header is too long");
    r->text = calloc(1, (size_t)len + 1);
    if (!r->text)
        return fail(r, "does not fit into memory");
    if (!read_at(r, HEADER_BYTES, r->text, len) ||
        crc32(0, (u8 *)r->text, len) != load_le(head + 16, 4))
        return fail(r, "is damaged: its header's checksum is wrong");
    r->body = HEADER_BYTES + len;
    return true;
}

static bool index_add(struct trace_reader *r, u64 offset, u64 tick)
{
    if (r->chunks == r->chunk_room) {
        u64 room = r->chunk_room ? 2 * r->chunk_room : 64;
        void *index = realloc(r->index, room * sizeof(*r->index));
        if (!index)
            return fail(r, "does not fit into memory");
        r->index = index;
        r->chunk_room = room;
    }
    r->index[r->chunks].offset = offset;
    r->index[r->chunks++].tick = tick;
    return true;
}

/* False: there is none. */
static bool read_index(struct trace_reader *r)
{
    u8 end[END_BYTES], entry[INDEX_BYTES];
    u32 crc = (u32)crc32(0, NULL, 0);

    if (r->file_bytes < r->body + END_BYTES ||
        !read_at(r, r->file_bytes - END_BYTES, end, sizeof(end)) ||
        memcmp(end + 16, TRACE_END_MAGIC, 8) != 0)
        return false;
    u64 n = load_le(end, 8), room = r->file_bytes - END_BYTES - r->body;
    if (n > room / INDEX_BYTES)
        return false;
    for (u64 i = 0; i < n; i++) {
        if (!read_at(r, r->file_bytes - END_BYTES - (n - i) * INDEX_BYTES, entry, sizeof(entry)) ||
            !index_add(r, load_le(entry, 8), load_le(entry + 8, 8)))
            return false;
        crc = (u32)crc32(crc, entry, sizeof(entry));
    }
    return crc == load_le(end + 8, 4);
}

/* Finds the chunks one by one. */
static void make_index(struct trace_reader *r)
{
    u8 head[CHUNK_BYTES];

    r->chunks = 0;
    for (u64 at = r->body; read_at(r, at, head, sizeof(head)) && load_le(head, 4) == CHUNK_MAGIC;
         at += CHUNK_BYTES + load_le(head + 8, 4))
        if (load_le(head + 8, 4) > r->file_bytes - at - CHUNK_BYTES ||
            !index_add(r, at, load_le(head + 16, 8)))
            break;
}

struct trace_reader *trace_reader_new(FILE *f, char *err, size_t err_size)
{
    struct trace_reader *r = calloc(1, sizeof(*r));

    if (!r) {
        fclose(f);
        snprintf(err, err_size, "does not fit into memory");
        return NULL;
    }
    r->f = f;
    if (!read_header(r)) {
        snprintf(err, err_size, "%s", r->error);
        trace_reader_free(r);
        return NULL;
    }
    r->whole = read_index(r);
    if (!r->whole)
        make_index(r);
    r->error = NULL;
    return r;
}

void trace_reader_free(struct trace_reader *r)
{
    if (!r)
        return;
    fclose(r->f);
    free(r->text);
    free(r->index);
    free(r->raw);
    free(r->packed);
    free(r);
}

const char *trace_text(const struct trace_reader *r)
{
    return r->text;
}

bool trace_is_whole(const struct trace_reader *r)
{
    return r->whole;
}

u64 trace_chunks(const struct trace_reader *r)
{
    return r->chunks;
}

bool trace_first_tick(const struct trace_reader *r, u64 *tick)
{
    if (r->chunks)
        *tick = r->index[0].tick;
    return r->chunks;
}

const char *trace_error(const struct trace_reader *r)
{
    return r->error;
}

const u64 *trace_regs(const struct trace_reader *r)
{
    return r->s.regs;
}

/* ---- chunks ---- */

static bool load_chunk(struct trace_reader *r)
{
    u8 head[CHUNK_BYTES];
    u64 offset = r->index[r->next_chunk++].offset;

    r->n = r->at = 0;
    memcpy(r->last, r->s.regs, sizeof(r->last));
    memset(&r->s, 0, sizeof(r->s));
    r->repeats = true;
    if (!read_at(r, offset, head, sizeof(head)) || load_le(head, 4) != CHUNK_MAGIC)
        return fail(r, "is damaged: there is no chunk where the index says");
    u32 bytes = (u32)load_le(head + 4, 4), stored = (u32)load_le(head + 8, 4);
    if (bytes > CHUNK_LIMIT || stored > r->file_bytes)
        return fail(r, "is damaged: a chunk is too long");
    free(r->raw);
    free(r->packed);
    r->raw = malloc(bytes ? bytes : 1);
    r->packed = malloc(stored ? stored : 1);
    uLongf n = bytes;
    if (!r->raw || !r->packed)
        return fail(r, "does not fit into memory");
    if (!read_at(r, offset + CHUNK_BYTES, r->packed, stored) ||
        crc32(0, r->packed, stored) != load_le(head + 12, 4))
        return fail(r, "is damaged: a chunk's checksum is wrong");
    if (uncompress(r->raw, &n, r->packed, stored) != Z_OK || n != bytes)
        return fail(r, "is damaged: a chunk cannot be decompressed");
    r->n = bytes;
    return true;
}

bool trace_seek(struct trace_reader *r, u64 tick)
{
    u64 n = 0;

    while (n + 1 < r->chunks && r->index[n + 1].tick < tick)
        n++;
    r->next_chunk = n;
    r->n = r->at = 0;
    memset(&r->s, 0, sizeof(r->s));
    r->error = NULL;
    return true;
}

/* ---- records; whatever is missing at the end of a chunk reads as 0, and get() tells ---- */

static const u8 *get_bytes(struct trace_reader *r, u64 n)
{
    if (n > r->n - r->at) {
        fail(r, "is damaged: a record goes beyond its chunk");
        return NULL;
    }
    r->at += n;
    return r->raw + r->at - n;
}

static u8 get_byte(struct trace_reader *r)
{
    const u8 *p = get_bytes(r, 1);
    return p ? *p : 0;
}

static u64 get_number(struct trace_reader *r)
{
    u64 v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        u8 b = get_byte(r);
        v |= (u64)(b & 0x7f) << shift;
        if (!(b & 0x80))
            break;
    }
    return v;
}

static u64 get_signed(struct trace_reader *r)
{
    u64 v = get_number(r);
    return v >> 1 ^ (0 - (v & 1));
}

static void get_insn(struct trace_reader *r, struct trace_event *e, u8 flags)
{
    struct trace_state *s = &r->s;

    e->eip = (s->eip + (flags & F_A ? get_signed(r) : 0)) & r->mask;
    u64 linear = trace_linear(s->regs, e->eip);
    unsigned slot = trace_insn_slot(linear);
    if (flags & F_B) {
        u8 len = get_byte(r);
        const u8 *bytes = len <= TRACE_MAX_INSN ? get_bytes(r, len) : NULL;
        if (!bytes) {
            fail(r, "is damaged: an instruction is too long");
            return;
        }
        s->insn[slot].linear = linear;
        s->insn[slot].len = len;
        memcpy(s->insn[slot].bytes, bytes, len);
    }
    e->len = s->insn[slot].len;
    memcpy(e->bytes, s->insn[slot].bytes, sizeof(e->bytes));
    s->eip = e->eip + e->len;
    s->regs[TREG_eip] = e->eip;
}

static bool get_size(struct trace_reader *r, struct trace_event *e)
{
    u64 size = get_number(r);

    e->size = (u32)size;
    return size <= TRACE_MAX_DATA || fail(r, "is damaged: an access is too long");
}

static void get_data(struct trace_reader *r, struct trace_event *e, u8 flags)
{
    e->data = get_bytes(r, e->size);
    if (flags & F_C)
        e->old = get_bytes(r, e->size);
}

static void get_access(struct trace_reader *r, struct trace_event *e, u8 flags)
{
    struct trace_state *s = &r->s;

    e->write = flags & F_A;
    e->linear = (s->linear + get_signed(r)) & r->mask;
    u64 page = e->linear >> PAGE_BITS;
    if (!get_size(r, e))
        return;
    if (flags & F_B)
        s->page[page % PAGE_SLOTS].phys = get_number(r);
    e->phys = s->page[page % PAGE_SLOTS].phys << PAGE_BITS | (e->linear & PAGE_MASK);
    get_data(r, e, flags);
    s->linear = e->linear + e->size;
}

static void get_phys(struct trace_reader *r, struct trace_event *e, u8 flags)
{
    e->write = flags & F_A;
    e->phys = get_number(r);
    if (!get_size(r, e))
        return;
    if (e->kind == TRACE_DMA) {
        u8 len = get_byte(r);
        const u8 *name = len < TRACE_MAX_NAME ? get_bytes(r, len) : NULL;
        if (!name) {
            fail(r, "is damaged: a name is too long");
            return;
        }
        memcpy(r->name, name, len);
        r->name[len] = 0;
        e->text = r->name;
    }
    get_data(r, e, flags);
}

static void get_screen(struct trace_reader *r, struct trace_event *e)
{
    u64 width = get_number(r), height = get_number(r);

    e->width = (u32)width;
    e->height = (u32)height;
    if (width > 0xffff || height > 0xffff) {
        fail(r, "is damaged: a picture is too large");
        return;
    }
    if (e->kind == TRACE_TEXT)
        e->cursor = (u32)get_number(r);
    e->data = get_bytes(r, width * height * (e->kind == TRACE_TEXT ? 2 : 3));
}

static void get_regs(struct trace_reader *r, struct trace_event *e)
{
    for (unsigned n = get_byte(r); n && !r->error; n--) {
        u8 reg = get_byte(r);
        u64 difference = get_signed(r);
        if (reg >= TRACE_REGS) {
            fail(r, "names a register that is not known");
            return;
        }
        r->s.regs[reg] += difference;
        e->changed[reg / 64] |= 1ull << reg % 64;
    }
}

/* At the beginning of a chunk all are told: those that are what they were have not changed. */
static void compare_regs(struct trace_reader *r, struct trace_event *e)
{
    e->changed[0] = e->changed[1] = 0;
    for (unsigned i = 0; i < TRACE_REGS; i++)
        if (r->s.regs[i] != r->last[i] && i != TREG_eip)
            e->changed[i / 64] |= 1ull << i % 64;
}

static void get_record(struct trace_reader *r, struct trace_event *e)
{
    u8 first = get_byte(r);
    u8 flags = first & 0xf0;

    bool repeats = r->repeats;
    r->repeats = false;
    *e = (struct trace_event){.kind = first & 0xf};
    e->tick = trace_expected(&r->s, e->kind) + (flags & F_TICK ? get_signed(r) : 0);
    trace_passed(&r->s, e->kind, e->tick);
    switch (e->kind) {
    case TRACE_INSN: get_insn(r, e, flags); break;
    case TRACE_CHANGED:
    case TRACE_SYNC:
        get_regs(r, e);
        if (repeats)
            compare_regs(r, e);
        break;
    case TRACE_MEM:
    case TRACE_MMIO: get_access(r, e, flags); break;
    case TRACE_DMA:
    case TRACE_WALK:
    case TRACE_PHYS: get_phys(r, e, flags); break;
    case TRACE_TEXT:
    case TRACE_PICTURE: get_screen(r, e); break;
    case TRACE_RESET: break;
    case TRACE_INT:
        e->vec = get_byte(r);
        e->how = get_byte(r);
        e->has_error = flags & F_A;
        e->error = e->has_error ? (u32)get_number(r) : 0;
        break;
    case TRACE_PORT:
        e->write = flags & F_A;
        e->port = (u16)get_number(r);
        e->size = get_byte(r);
        e->value = (u32)get_number(r);
        break;
    default: fail(r, "has a record of an unknown kind"); break;
    }
}

bool trace_next(struct trace_reader *r, struct trace_event *e)
{
    do {
        while (!r->error && r->at == r->n) {
            if (r->next_chunk == r->chunks)
                return false;
            load_chunk(r);
        }
        if (!r->error)
            get_record(r, e);
    } while (!r->error && e->kind == TRACE_SYNC && !e->changed[0] && !e->changed[1]);
    return !r->error;
}
