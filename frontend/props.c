/* Option texts are cut up in place: what is left of them is names and values, which can be kept by
 * pointers. */
#include "frontend/props.h"

#include <stddef.h>
#include <string.h>

bool next_property(char **rest, char **name, char **value)
{
    char *in = *rest, *out = *rest;

    if (!in || !*in)
        return false;
    *name = in;
    while (*in && (*in != ',' || in[1] == ',')) {
        in += *in == ',';
        *out++ = *in++;
    }
    *rest = *in ? in + 1 : NULL;
    *out = 0;
    *value = strchr(*name, '=');
    if (*value)
        *(*value)++ = 0;
    return true;
}
