/* A CPU model as it is named on a command line: one of the table, with features added and taken
 * away. What the model's generation decides stays; so does its speed. */
#include <stdio.h>
#include <string.h>

#include "cpu/cpuid.h"

static const char *const names[FEAT_COUNT] = {
#define FEATURE(name, text, leaf, reg, bit, complete) text,
#include "cpu/features.def"
#undef FEATURE
};

const char *cpu_feature_name(unsigned i)
{
    return i < FEAT_COUNT ? names[i] : NULL;
}

static bool set_feature(struct cpu_model *m, const char *text, size_t len)
{
    for (unsigned f = 0; f < FEAT_COUNT; f++) {
        if (strlen(names[f]) + 1 != len || strncmp(names[f], text + 1, len - 1))
            continue;
        m->features = *text == '+' ? m->features | 1ull << f : m->features & ~(1ull << f);
        return *text == '+' || *text == '-';
    }
    return false;
}

bool cpu_model_parse(struct cpu_model *m, const char *text, char *err, size_t err_size)
{
    size_t len = strcspn(text, ",");
    const struct cpu_model *base = NULL;

    for (unsigned i = 0; cpu_model_at(i) && !base; i++)
        if (strlen(cpu_model_at(i)->name) == len && !strncmp(cpu_model_at(i)->name, text, len))
            base = cpu_model_at(i);
    if (!base) {
        snprintf(err, err_size, "unknown CPU model '%.*s' (see -cpu help)", (int)len, text);
        return false;
    }
    *m = *base;
    for (text += len; *text; text += len) {
        len = strcspn(++text, ",");
        if (!m->max_leaf) {
            snprintf(err, err_size, "CPU model '%s' has no CPUID, and no features", m->name);
            return false;
        }
        if (!set_feature(m, text, len)) {
            snprintf(err, err_size, "CPU feature '%.*s' is unknown (see -cpu help)", (int)len,
                     text);
            return false;
        }
    }
    return true;
}
