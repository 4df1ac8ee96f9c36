/* Numbers in options: whole arguments, nothing behind them is left over. */
#include "frontend/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool parse_size(const char *s, uint64_t unit, uint64_t *out)
{
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 0);
    if (end == s || errno || *s == '-')
        return false;
    if (*end) {
        const char *at = memchr("kmgt", *end, 4);
        const char *up = memchr(suffixes, *end, 4);
        if ((!at && !up) || (end[1] && strcasecmp(end + 1, "b") && strcasecmp(end + 1, "ib")))
            return false;
        unsigned shift =
            10 * (unsigned)((up ? up - suffixes : (long)strcspn("kmgt", (char[]){*end, 0})) + 1);
        unit = 1ull << shift;
    }
    if (v > UINT64_MAX / unit)
        return false;
    *out = v * unit;
    return true;
}

bool parse_count(const char *s, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 0);
    return *s >= '0' && *s <= '9' && !*end && !errno;
}
