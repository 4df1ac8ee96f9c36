/* Where JSON values begin and end: see qmp_json.h. Only brackets and strings matter for that; the
 * parser finds out about the rest. */
#include "frontend/qmp_json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static enum frame bad(struct framer *f, const char *why)
{
    f->skip = true;
    f->why = why;
    return FRAME_BAD;
}

static bool add(struct framer *f, char c)
{
    if (f->n == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        char *text = f->n < FRAME_MAX ? realloc(f->text, room) : NULL;
        if (!text)
            return false;
        f->text = text;
        f->room = room;
    }
    f->text[f->n++] = c;
    return true;
}

/* Makes the string one in double quotes. */
static bool string_byte(struct framer *f, char c)
{
    if (f->escape) {
        f->escape = false;
        if (c == '\'') /* no escape of JSON's */
            f->n--;
        return add(f, c);
    }
    if (c == f->quote) {
        f->quote = 0;
        return add(f, '"');
    }
    f->escape = c == '\\';
    return (c != '"' || add(f, '\\')) && add(f, c);
}

/* Outside strings. *end: the value is complete. */
static bool plain_byte(struct framer *f, char c, bool *end)
{
    if (c == '"' || c == '\'') {
        f->quote = c;
        return add(f, '"');
    }
    if (c == '{' || c == '[')
        f->depth++;
    if ((c == '}' || c == ']') && f->depth)
        *end = --f->depth == 0;
    return add(f, c);
}

enum frame framer_byte(struct framer *f, char c)
{
    bool end = false, fits;

    if (f->skip) {
        f->skip = c != '\n';
        return FRAME_MORE;
    }
    if (!f->n && isspace((unsigned char)c))
        return FRAME_MORE;
    if (f->n && !f->depth && !f->quote && c == '\n') /* a value without brackets */
        return FRAME_READY;
    fits = f->quote ? string_byte(f, c) : plain_byte(f, c, &end);
    if (!fits)
        return bad(f, "JSON token size limit exceeded");
    if (f->depth > FRAME_DEPTH)
        return bad(f, "JSON nesting depth limit exceeded");
    return end ? FRAME_READY : FRAME_MORE;
}

void framer_next(struct framer *f)
{
    f->n = 0;
    f->depth = 0;
    f->quote = 0;
    f->escape = false;
}

void framer_reset(struct framer *f)
{
    free(f->text);
    *f = (struct framer){.text = NULL};
}
