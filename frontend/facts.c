/* Facts as words and, by Jansson, as JSON: see facts.h. */
#include "frontend/facts.h"

#ifdef HAVE_QMP
#include <jansson.h>

#include "base/check.h"

static void put(struct facts *f, const char *name, json_t *value)
{
    json_t *in = f->stack[f->depth - 1];

    CHECK(value, "out of memory");
    if (json_is_array(in))
        json_array_append_new(in, value);
    else
        json_object_set_new(in, name, value);
}

static void open_json(void *opaque, const char *name, bool list)
{
    struct facts *f = opaque;
    json_t *value = list ? json_array() : json_object();

    CHECK(f->depth < FACTS_DEPTH, "facts are too deep");
    put(f, name, value);
    f->stack[f->depth++] = value;
}

static void close_json(void *opaque)
{
    struct facts *f = opaque;

    f->depth--;
}

static void number_json(void *opaque, const char *name, uint64_t value)
{
    put(opaque, name, json_integer((json_int_t)value));
}

static void text_json(void *opaque, const char *name, const char *value)
{
    put(opaque, name, json_string(value));
}

static void flag_json(void *opaque, const char *name, bool value)
{
    put(opaque, name, json_boolean(value));
}

static bool begin_json(struct facts *f)
{
    f->sink.open = open_json;
    f->sink.close = close_json;
    f->sink.number = number_json;
    f->sink.text = text_json;
    f->sink.flag = flag_json;
    f->stack[f->depth++] = json_object();
    CHECK(f->stack[0], "out of memory");
    return true;
}

static void end_json(struct facts *f)
{
    json_dumpf(f->stack[0], f->out, JSON_COMPACT);
    fputc('\n', f->out);
    json_decref(f->stack[0]);
}
#else
static bool begin_json(struct facts *f)
{
    (void)f;
    return false;
}

static void end_json(struct facts *f)
{
    (void)f;
}
#endif

static void no_open(void *opaque, const char *name, bool list)
{
    (void)opaque, (void)name, (void)list;
}

static void no_close(void *opaque)
{
    (void)opaque;
}

static void no_number(void *opaque, const char *name, uint64_t value)
{
    (void)opaque, (void)name, (void)value;
}

static void no_text(void *opaque, const char *name, const char *value)
{
    (void)opaque, (void)name, (void)value;
}

static void no_flag(void *opaque, const char *name, bool value)
{
    (void)opaque, (void)name, (void)value;
}

static void no_line(void *opaque, const char *text)
{
    (void)opaque, (void)text;
}

static void line_words(void *opaque, const char *text)
{
    struct facts *f = opaque;

    fprintf(f->out, "%s\n", text);
}

bool facts_begin(struct facts *f, bool json, FILE *out)
{
    *f = (struct facts){
        .sink = {no_open, no_close, no_number, no_text, no_flag, json ? no_line : line_words, f},
        .out = out};
    return !json || begin_json(f);
}

void facts_end(struct facts *f)
{
    if (f->depth)
        end_json(f);
}
