/* query-qmp-schema: what commands and events there are and what they take, made from their tables.
 * What commands return is not described ("any"). QEMU's docs/devel/qapi-code-gen has the form. */
#include <string.h>

#include "base/check.h"
#include "frontend/qmp_internal.h"

static void add(json_t *list, json_t *entry)
{
    CHECK(entry, "out of memory");
    json_array_append_new(list, entry);
}

static void add_builtins(json_t *list)
{
    static const char *const types[][2] = {
        {"str", "string"}, {"int", "int"}, {"bool", "boolean"}, {"any", "value"}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        add(list, json_pack("{s:s,s:s,s:s}", "name", types[i][0], "meta-type", "builtin",
                            "json-type", types[i][1]));
    add(list,
        json_pack("{s:s,s:s,s:s}", "name", "[any]", "meta-type", "array", "element-type", "any"));
    add(list, json_pack("{s:s,s:s,s:[]}", "name", "q_empty", "meta-type", "object", "members"));
}

static const char *type_of(char letter)
{
    switch (letter) {
    case 's': return "str";
    case 'i': return "int";
    case 'b': return "bool";
    case 'a': return "[any]";
    default: return "any";
    }
}

/* "val:i filename:s cpu-index?:i" */
static json_t *members(const char *args)
{
    json_t *list = json_array();

    while (*args) {
        size_t n = strcspn(args, ":"), name = n - (args[n - 1] == '?');
        json_t *m = json_pack("{s:s%,s:s}", "name", args, name, "type", type_of(args[n + 1]));
        if (name != n)
            json_object_set_new(m, "default", json_null());
        add(list, m);
        args += strcspn(args, " ");
        args += *args == ' ';
    }
    return list;
}

static void add_command(json_t *list, const char *name, const char *args)
{
    char type[80] = "q_empty";

    if (*args) {
        snprintf(type, sizeof(type), "q_obj_%s-arg", name);
        add(list, json_pack("{s:s,s:s,s:o}", "name", type, "meta-type", "object", "members",
                            members(args)));
    }
    add(list, json_pack("{s:s,s:s,s:s,s:s}", "name", name, "meta-type", "command", "arg-type", type,
                        "ret-type", "any"));
}

static bool query_schema(struct qmp_call *c)
{
    json_t *list = json_array();
    const char *name;

    add_builtins(list);
    add_command(list, "qmp_capabilities", "enable?:a");
    for (const struct qmp_command *const *table = qmp_tables; *table; table++)
        for (const struct qmp_command *q = *table; q->name; q++)
            add_command(list, q->name, q->args);
    for (unsigned i = 0; (name = qmp_event_name(i)); i++)
        add(list,
            json_pack("{s:s,s:s,s:s}", "name", name, "meta-type", "event", "arg-type", "any"));
    c->result = list;
    return true;
}

const struct qmp_command qmp_schemas[] = {
    {"query-qmp-schema", "", query_schema},
    {NULL, NULL, NULL},
};
