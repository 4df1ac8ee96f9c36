/* -cpu MODEL,+FEATURE,-FEATURE,FEATURE=on|off. QEMU's models are mapped on Orrery's where one is
 * the other, or where most guests will not see the difference; then a warning says so. */
#include "frontend/handlers.h"

#include <string.h>

#include "frontend/props.h"

/* QEMU's names; `exact`: without a warning. */
static const struct {
    const char *name, *model;
    bool exact;
} aliases[] = {
    {"qemu64", "orrery", true},       {"kvm64", "orrery", true},
    {"base", "orrery", true},         {"qemu32", "orrery32", true},
    {"kvm32", "orrery32", true},      {"coreduo", "core-duo", true},
    {"phenom", "orrery", false},      {"Opteron_G1", "orrery", false},
    {"EPYC", "orrery", false},        {"host", "max", false},
    {"core2duo", "max", false},       {"n270", "max", false},
    {"Conroe", "max", false},         {"Penryn", "max", false},
    {"Nehalem", "max", false},        {"Westmere", "max", false},
    {"SandyBridge", "max", false},    {"IvyBridge", "max", false},
    {"Haswell", "max", false},        {"Broadwell", "max", false},
    {"Skylake-Client", "max", false}, {"Skylake-Server", "max", false},
};

/* QEMU's other names of features. */
static const struct {
    const char *name, *feature;
} synonyms[] = {
    {"sse4_1", "sse4.1"},
    {"sse4-1", "sse4.1"},
    {"sse4_2", "sse4.2"},
    {"sse4-2", "sse4.2"},
    {"pni", "sse3"},
    {"xd", "nx"},
    {"sha_ni", "sha-ni"},
    {"lahf_lm", "lahf-lm"},
    {"3dnow-ext", "3dnowext"},
    {"clfsh", "clflush"},
    {"tsc_deadline", "tsc-deadline"},
};

static bool is_model(const char *name)
{
    for (unsigned i = 0; orrery_cpu_model(i); i++)
        if (!strcmp(orrery_cpu_model(i), name))
            return true;
    return false;
}

static const char *find_feature(const char *name)
{
    for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
        if (!strcmp(synonyms[i].name, name))
            name = synonyms[i].feature;
    for (unsigned i = 0; orrery_cpu_feature(i); i++)
        if (!strcmp(orrery_cpu_feature(i), name))
            return orrery_cpu_feature(i);
    return NULL;
}

static bool unknown_model(const char *name)
{
    char list[256] = "";

    for (unsigned i = 0; orrery_cpu_model(i); i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
                 orrery_cpu_model(i));
    return complain("-cpu: unknown CPU model '%s' (%s)", name, list);
}

/* Versions (-v1) and variants (-IBRS, -noTSX) are those of the plain name. */
static const char *find_model(char *name)
{
    char *version = strstr(name, "-v");

    if (version && version[2] >= '1' && version[2] <= '9')
        *version = 0;
    if (is_model(name))
        return name;
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        size_t len = strlen(aliases[i].name);
        if (strncmp(aliases[i].name, name, len) || (name[len] && name[len] != '-'))
            continue;
        if (!aliases[i].exact)
            warn_user("-cpu: '%s' is not modelled: the guest gets '%s'", name, aliases[i].model);
        return aliases[i].model;
    }
    unknown_model(name);
    return NULL;
}

/* A feature that is not there is missed only by who wants it. */
static bool add_feature(struct options *o, const char *text, const char *value)
{
    bool on = *text == '+' || (value && !strcmp(value, "on"));
    bool off = *text == '-' || (value && !strcmp(value, "off"));
    const char *name = text + (*text == '+' || *text == '-'), *feature = find_feature(name);
    size_t used = strlen(o->cpu);

    if (!on && !off)
        return warn_user("-cpu: '%s' has no effect", name);
    if (!feature)
        return off || warn_user("-cpu: there is no feature '%s'", name);
    if (used + strlen(feature) + 3 > sizeof(o->cpu))
        return complain("-cpu: too many features");
    snprintf(o->cpu + used, sizeof(o->cpu) - used, ",%c%s", on ? '+' : '-', feature);
    return true;
}

bool opt_cpu(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;
    const char *model;

    (void)name;
    if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
        for (unsigned i = 0; orrery_cpu_model(i); i++)
            puts(orrery_cpu_model(i));
        fputs("features, +NAME and -NAME:", stdout);
        for (unsigned i = 0; orrery_cpu_feature(i); i++)
            printf(" %s", orrery_cpu_feature(i));
        puts("");
        return o->done = true;
    }
    if (!next_property(&rest, &key, &value) || value)
        return unknown_model(arg);
    model = find_model(key);
    if (!model)
        return false;
    snprintf(o->cpu, sizeof(o->cpu), "%s", model);
    o->config.cpu = o->cpu;
    while (next_property(&rest, &key, &value))
        if (!add_feature(o, key, value))
            return false;
    return true;
}
