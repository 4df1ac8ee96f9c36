/* Expressions of the text monitor: numbers, 'c', $registers, + -, & | ^, * / %, unary + - ~ and
 * parentheses; as in QEMU + and - bind least. 64 bits. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/monitor.h"
#include "frontend/session.h"

#define MAX_DEPTH 64

struct parser {
    struct hmp *h;
    unsigned depth;
    bool failed;
};

static uint64_t sum(struct parser *p);

static uint64_t fail(struct parser *p, const char *why)
{
    if (!p->failed)
        hmp_fail(p->h, "%s", why);
    p->failed = p->h->misused = true;
    return 0;
}

/* The next character that is no space. */
static char peek(const struct parser *p)
{
    while (isspace((unsigned char)*p->h->args))
        p->h->args++;
    return *p->h->args;
}

static uint64_t number(struct parser *p)
{
    const char *from = p->h->args;
    char *end;
    uint64_t v = strtoull(from, &end, 0);

    if (end == from) {
        char why[] = "invalid char '?' in expression";
        why[14] = *from;
        return fail(p, why);
    }
    p->h->args = end;
    return v;
}

static uint64_t reg(struct parser *p)
{
    char name[32];
    size_t n = 0;
    uint64_t value;

    p->h->args++;
    while ((isalnum((unsigned char)*p->h->args) || *p->h->args == '.' || *p->h->args == '_') &&
           n + 1 < sizeof(name))
        name[n++] = *p->h->args++;
    name[n] = 0;
    if (!orrery_reg_by_name(p->h->session->machine, name, &value))
        return fail(p, "unknown register");
    return value;
}

static uint64_t character(struct parser *p)
{
    unsigned char c = (unsigned char)p->h->args[1];

    if (!c || p->h->args[2] != '\'')
        return fail(p, "missing terminating ' character");
    p->h->args += 3;
    return c;
}

static uint64_t parentheses(struct parser *p)
{
    uint64_t v;

    p->h->args++;
    v = sum(p);
    if (!p->failed && peek(p) != ')')
        return fail(p, "')' expected");
    p->h->args += !p->failed;
    return v;
}

static uint64_t unary(struct parser *p)
{
    uint64_t v = 0;
    char c = peek(p);

    if (p->failed || ++p->depth > MAX_DEPTH)
        return fail(p, "expression is too deep");
    switch (c) {
    case 0: fail(p, "unexpected end of expression"); break;
    case '+':
    case '-':
    case '~':
        p->h->args++;
        v = unary(p);
        v = c == '-' ? 0 - v : c == '~' ? ~v : v;
        break;
    case '(': v = parentheses(p); break;
    case '\'': v = character(p); break;
    case '$': v = reg(p); break;
    default: v = number(p); break;
    }
    p->depth--;
    return v;
}

static uint64_t product(struct parser *p)
{
    uint64_t v = unary(p);

    for (char c = peek(p); !p->failed && c && strchr("*/%", c); c = peek(p)) {
        uint64_t w;
        p->h->args++;
        w = unary(p);
        if (!w && c != '*')
            return fail(p, "division by zero");
        v = c == '*' ? v * w : c == '/' ? v / w : v % w;
    }
    return v;
}

static uint64_t logic(struct parser *p)
{
    uint64_t v = product(p);

    for (char c = peek(p); !p->failed && c && strchr("&|^", c); c = peek(p)) {
        uint64_t w;
        p->h->args++;
        w = product(p);
        v = c == '&' ? v & w : c == '|' ? v | w : v ^ w;
    }
    return v;
}

static uint64_t sum(struct parser *p)
{
    uint64_t v = logic(p);

    for (char c = peek(p); !p->failed && (c == '+' || c == '-'); c = peek(p)) {
        uint64_t w;
        p->h->args++;
        w = logic(p);
        v = c == '+' ? v + w : v - w;
    }
    return v;
}

bool hmp_value(struct hmp *h, uint64_t *value)
{
    struct parser p = {.h = h};

    *value = sum(&p);
    return !p.failed;
}
