/* orrery-trace html: one page with everything in it, to look through an interval without Orrery.
 *
 * The page (page.html, page.css, page.js) is compiled in; its data is JSON, described in page.js.
 * A step is an instruction or another event with what it accesses and changes; the state at any of
 * them is the start's with the changes up to there. */
#include "frontend/trace/tool.h"

#include "base/bytes.h"
#include "frontend/trace/page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define DEFAULT_STEPS 20000
#define MAX_SCREENS   40
#define CODE_SLOTS    65536   /* a power of 2 */
#define SHOWN         64      /* bytes of an access */
#define BEFORE        2000000 /* ticks before the interval in which the last screen is looked for */

/* Text that grows. */
struct bag {
    char *text;
    size_t len;
    FILE *f;
};

struct page {
    const struct choice *c;
    struct walk w;
    FILE *out;
    struct bag changes, accesses, code, screens;
    char *early; /* a screen from before the interval */
    u64 steps, limit, codes, nscreens;
    struct {
        u32 hash, number; /* number + 1; 0: free */
        u8 bytes[TRACE_MAX_INSN + 1];
        u16 cs;
        u64 eip;
    } known[CODE_SLOTS];
};

static bool bag_open(struct bag *b)
{
    b->f = open_memstream(&b->text, &b->len);
    return b->f;
}

static void bag_close(struct bag *b)
{
    if (b->f)
        fclose(b->f);
    free(b->text);
    *b = (struct bag){0};
}

/* What is in it goes to out; then it is empty. */
static void bag_pour(struct bag *b, FILE *out)
{
    fflush(b->f);
    fwrite(b->text, 1, b->len, out);
    rewind(b->f);
}

/* ---- JSON ---- */

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if (*text == '<') /* nothing in it ends the script */
            fputs("\\u003c", out);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, out);
    }
    fputc('"', out);
}

static void put_hex(FILE *out, const u8 *data, u32 size)
{
    fputc('"', out);
    for (u32 i = 0; data && i < size && i < SHOWN; i++)
        fprintf(out, "%02x", data[i]);
    fputc('"', out);
}

static void put_regs(FILE *out, const u64 *regs)
{
    fputs("\"regs\":[", out);
    for (unsigned i = 0; i < TRACE_REGS; i++)
        fprintf(out, "%s[\"%s\",%u]", i ? "," : "", trace_reg_info[i].name, trace_reg_info[i].bits);
    fputs("],\n\"start\":[", out);
    for (unsigned i = 0; i < TRACE_REGS; i++)
        fprintf(out, "%s\"%" PRIx64 "\"", i ? "," : "", regs[i]);
    fputs("],\n\"steps\":[", out);
}

/* ---- pictures ---- */

static void put_base64(FILE *out, const u8 *data, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        u32 v = (u32)data[i] << 16 | (i + 1 < n ? (u32)data[i + 1] << 8 : 0) |
                (i + 2 < n ? data[i + 2] : 0);
        fputc(digit[v >> 18], out);
        fputc(digit[v >> 12 & 63], out);
        fputc(i + 1 < n ? digit[v >> 6 & 63] : '=', out);
        fputc(i + 2 < n ? digit[v & 63] : '=', out);
    }
}

static void png_chunk(FILE *out, const char *type, const u8 *data, size_t n)
{
    u8 word[4];
    uLong crc = crc32(crc32(0, (const u8 *)type, 4), data, (uInt)n);

    store_be(word, 4, n);
    fwrite(word, 1, 4, out);
    fwrite(type, 1, 4, out);
    fwrite(data, 1, n, out);
    store_be(word, 4, crc);
    fwrite(word, 1, 4, out);
}

/* A picture as PNG (RFC 2083): each row is its filter, none, and its bytes. */
static void put_png(FILE *out, const struct trace_event *e)
{
    size_t row = 3 * (size_t)e->width, n = (row + 1) * e->height;
    uLongf packed = compressBound(n);
    u8 head[13] = {0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0};
    u8 *rows = malloc(n + 1), *data = malloc(packed);
    struct bag png = {0};

    if (rows && data && bag_open(&png)) {
        for (u32 y = 0; y < e->height; y++) {
            rows[y * (row + 1)] = 0;
            memcpy(rows + y * (row + 1) + 1, e->data + y * row, row);
        }
        compress2(data, &packed, rows, n, 6);
        store_be(head, 4, e->width);
        store_be(head + 4, 4, e->height);
        fwrite("\x89PNG\r\n\x1a\n", 1, 8, png.f);
        png_chunk(png.f, "IHDR", head, sizeof(head));
        png_chunk(png.f, "IDAT", data, packed);
        png_chunk(png.f, "IEND", head, 0);
        fflush(png.f);
        put_base64(out, (u8 *)png.text, png.len);
    }
    bag_close(&png);
    free(rows);
    free(data);
}

static void put_screen(FILE *out, const struct trace_event *e)
{
    fprintf(out, "{\"tick\":%" PRIu64, e->tick);
    if (e->kind == TRACE_PICTURE) {
        fputs(",\"image\":\"data:image/png;base64,", out);
        put_png(out, e);
    } else {
        fprintf(out, ",\"columns\":%u,\"rows\":%u,\"cursor\":%d,\"cells\":\"", e->width, e->height,
                (int)e->cursor - 1);
        for (size_t i = 0; i < (size_t)e->width * e->height; i++)
            fprintf(out, "%04x", (unsigned)load_le(e->data + 2 * i, 2));
    }
    fputs("\"}", out);
}

/* The last one from before the interval, and those in it. */
static void take_screen(struct page *p)
{
    const struct trace_event *e = &p->w.event;
    struct bag b = {0};

    if (e->tick >= p->c->from) {
        if (p->nscreens == MAX_SCREENS)
            return;
        fputs(p->nscreens++ ? ",\n" : "", p->screens.f);
        put_screen(p->screens.f, e);
        return;
    }
    free(p->early);
    p->early = NULL;
    if (!bag_open(&b))
        return;
    put_screen(b.f, e);
    fclose(b.f);
    p->early = b.text;
}

/* ---- steps ---- */

static u32 hash_of(const struct trace_event *e, u16 cs)
{
    u32 h = (u32)(e->eip ^ e->eip >> 32) * 0x9e3779b1u + cs;

    for (unsigned i = 0; i < e->len; i++)
        h = (h ^ e->bytes[i]) * 0x01000193u;
    return h;
}

/* The number of an instruction in "code". */
static u32 code_number(struct page *p)
{
    const struct trace_event *e = &p->w.event;
    const u64 *regs = trace_regs(p->w.reader);
    u16 cs = (u16)regs[TREG_cs];
    u32 hash = hash_of(e, cs), slot = hash % CODE_SLOTS;
    char text[128];

    if (p->known[slot].number && p->known[slot].hash == hash && p->known[slot].eip == e->eip &&
        p->known[slot].cs == cs && p->known[slot].bytes[0] == e->len &&
        !memcmp(p->known[slot].bytes + 1, e->bytes, e->len))
        return p->known[slot].number - 1;
    p->known[slot].hash = hash;
    p->known[slot].eip = e->eip;
    p->known[slot].cs = cs;
    p->known[slot].bytes[0] = e->len;
    memcpy(p->known[slot].bytes + 1, e->bytes, e->len);
    p->known[slot].number = (u32)++p->codes;
    trace_disassemble(p->w.texts, e->bytes, e->len, (enum code_size)regs[TREG_code32], e->eip, text,
                      sizeof(text));
    fprintf(p->code.f, "%s[\"%04x:%0*" PRIx64 "\",", p->codes > 1 ? ",\n" : "", cs,
            trace_eip_digits(regs), e->eip);
    put_hex(p->code.f, e->bytes, e->len);
    fputc(',', p->code.f);
    put_string(p->code.f, text);
    fputc(']', p->code.f);
    return (u32)p->codes - 1;
}

static void end_step(struct page *p)
{
    if (!p->steps)
        return;
    fputs(",[", p->out);
    bag_pour(&p->changes, p->out);
    fputs("],[", p->out);
    bag_pour(&p->accesses, p->out);
    fputs("]]", p->out);
}

static void begin_step(struct page *p)
{
    const struct trace_event *e = &p->w.event;
    char text[512];

    end_step(p);
    if (!p->steps++)
        put_regs(p->out, trace_regs(p->w.reader));
    else
        fputs(",\n", p->out);
    fprintf(p->out, "[%" PRIu64 ",", e->tick);
    if (e->kind == TRACE_INSN) {
        fprintf(p->out, "%u", code_number(p));
        return;
    }
    trace_event_text(p->w.texts, e, trace_regs(p->w.reader), p->w.before, text, sizeof(text));
    put_string(p->out, text);
}

static const char *comma(struct bag *b)
{
    return ftell(b->f) > 0 ? "," : "";
}

static void take_changes(struct page *p)
{
    const u64 *regs = trace_regs(p->w.reader);

    for (unsigned i = 0; i < TRACE_REGS; i++)
        if (trace_has_changed(&p->w.event, i))
            fprintf(p->changes.f, "%s%u,\"%" PRIx64 "\"", comma(&p->changes), i, regs[i]);
}

static void take_access(struct page *p)
{
    const struct trace_event *e = &p->w.event;
    FILE *f = p->accesses.f;

    fprintf(f, "%s\"%c\",", comma(&p->accesses), e->write ? 'w' : 'r');
    if (e->kind == TRACE_PORT) {
        fprintf(f, "\"port %04x\",\"%0*x\",\"\"", e->port, (int)(e->size & 7) * 2, e->value);
        return;
    }
    fprintf(f, "\"%s" LADDR_FMT "\",", e->kind == TRACE_MMIO ? "device " : "",
            LADDR_ARG(e->linear));
    put_hex(f, e->data, e->size);
    fputc(',', f);
    put_hex(f, e->old, e->size);
}

/* False: the interval is over. */
static bool take(struct page *p)
{
    const struct trace_event *e = &p->w.event;

    if (e->kind == TRACE_TEXT || e->kind == TRACE_PICTURE) {
        if (e->tick < p->c->to)
            take_screen(p);
        return true;
    }
    if (e->tick < p->c->from)
        return true;
    switch (e->kind) {
    case TRACE_CHANGED:
    case TRACE_SYNC:
        if (p->steps)
            take_changes(p);
        return true;
    case TRACE_MEM:
    case TRACE_MMIO:
    case TRACE_PORT:
        if (p->steps)
            take_access(p);
        return true;
    default:
        if (e->tick >= p->c->to || p->steps == p->limit)
            return false;
        begin_step(p);
        return true;
    }
}

static bool write_page(struct page *p)
{
    const u64 none[TRACE_REGS] = {0};
    bool ok = true;

    fwrite(page_head, 1, page_head_bytes, p->out);
    fputs("{", p->out);
    trace_seek(p->w.reader, p->c->from > BEFORE ? p->c->from - BEFORE : 0);
    while (walk_next(&p->w, &ok) && take(p))
        continue;
    end_step(p);
    if (!p->steps)
        put_regs(p->out, none);
    fputs("],\n\"code\":[", p->out);
    bag_pour(&p->code, p->out);
    fprintf(p->out, "],\n\"screens\":[%s%s", p->early ? p->early : "",
            p->early && p->nscreens ? ",\n" : "");
    bag_pour(&p->screens, p->out);
    fputs("]}", p->out);
    fwrite(page_tail, 1, page_tail_bytes, p->out);
    return ok;
}

int tool_html(const struct choice *c)
{
    struct page *p = calloc(1, sizeof(*p));
    bool ok = p && bag_open(&p->changes) && bag_open(&p->accesses) && bag_open(&p->code) &&
              bag_open(&p->screens);

    if (!ok)
        return tool_complain("out of memory") + 1;
    p->c = c;
    p->limit = c->limit ? c->limit : DEFAULT_STEPS;
    ok = walk_open(&p->w, c->files[0]);
    if (ok) {
        p->out = c->output ? fopen(c->output, "wb") : stdout;
        if (!p->out)
            ok = tool_complain("cannot write '%s': %s", c->output, strerror(errno));
        else
            ok = write_page(p);
        if (p->out && (fflush(p->out) || ferror(p->out)))
            ok = tool_complain("the page could not be written");
        if (p->out && c->output)
            fclose(p->out);
        walk_close(&p->w);
    }
    bag_close(&p->changes);
    bag_close(&p->accesses);
    bag_close(&p->code);
    bag_close(&p->screens);
    free(p->early);
    free(p);
    return !ok;
}
