/* Reads metadata.json of a trace suite: "opcodes" has an object for each opcode, with "flags-mask"
 * where flags are undefined; those of groups have one for each ModRM.reg under "reg". */
#include "tests/traces/masks.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct masks {
    json_t *root;
};

struct masks *masks_open(const char *path, char *err, size_t size)
{
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);

    if (!root) {
        snprintf(err, size, "%s: %s", path, why.text);
        return NULL;
    }
    struct masks *m = malloc(sizeof(*m));
    CHECK(m, "out of memory");
    m->root = root;
    return m;
}

void masks_close(struct masks *m)
{
    if (!m)
        return;
    json_decref(m->root);
    free(m);
}

u16 masks_of(const struct masks *m, const char *file)
{
    char opcode[16];
    size_t len = strcspn(file, ".");
    const char *dot = file + len;

    snprintf(opcode, sizeof(opcode), "%.*s", (int)len, file);
    const json_t *form = json_object_get(json_object_get(m->root, "opcodes"), opcode);
    if (dot[0] == '.' && dot[1] >= '0' && dot[1] <= '7' && (dot[2] == '.' || !dot[2])) {
        char reg[2] = {dot[1], 0};
        form = json_object_get(json_object_get(form, "reg"), reg);
    }
    const json_t *mask = json_object_get(form, "flags-mask");
    return json_is_integer(mask) ? (u16)json_integer_value(mask) : 0xffff;
}

const char *masks_cpu(const struct masks *m)
{
    const char *cpu = json_string_value(json_object_get(m->root, "cpu"));

    return cpu ? cpu : "";
}
