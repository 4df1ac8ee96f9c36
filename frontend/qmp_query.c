/* The commands of QMP that ask. */
#include <string.h>
#include <unistd.h>

#include "frontend/chardevs.h"
#include "frontend/pci_class.h"
#include "frontend/qmp_internal.h"

static bool answer(struct qmp_call *c, json_t *result)
{
    c->result = result;
    return true;
}

static bool query_status(struct qmp_call *c)
{
    return answer(c, json_pack("{s:s,s:b,s:b}", "status", session_status(c->session), "singlestep",
                               0, "running", !c->session->paused));
}

static bool query_version(struct qmp_call *c)
{
    return answer(c, qmp_version());
}

static bool query_commands(struct qmp_call *c)
{
    json_t *list = json_array();

    json_array_append_new(list, json_pack("{s:s}", "name", "qmp_capabilities"));
    for (const struct qmp_command *const *table = qmp_tables; *table; table++)
        for (const struct qmp_command *q = *table; q->name; q++)
            json_array_append_new(list, json_pack("{s:s}", "name", q->name));
    return answer(c, list);
}

static bool query_name(struct qmp_call *c)
{
    const char *name = c->session->options.name;
    json_t *result = json_object();

    if (name)
        json_object_set_new(result, "name", json_stringn(name, strcspn(name, ",")));
    return answer(c, result);
}

static bool query_uuid(struct qmp_call *c)
{
    return answer(c, json_pack("{s:s}", "UUID", "00000000-0000-0000-0000-000000000000"));
}

static bool query_kvm(struct qmp_call *c)
{
    return answer(c, json_pack("{s:b,s:b}", "enabled", 0, "present", 0));
}

static bool query_target(struct qmp_call *c)
{
    return answer(c, json_pack("{s:s}", "arch", "i386"));
}

static bool query_cpus(struct qmp_call *c)
{
    return answer(c, json_pack("[{s:i,s:{s:i,s:i,s:i},s:s,s:i,s:s}]", "thread-id", (int)getpid(),
                               "props", "core-id", 0, "thread-id", 0, "socket-id", 0, "qom-path",
                               "/machine/unattached/device[0]", "cpu-index", 0, "target", "i386"));
}

static bool query_chardev(struct qmp_call *c)
{
    json_t *list = json_array();

    for (const struct chr *d = c->session->chardevs; d; d = d->next) {
        char name[200];
        snprintf(name, sizeof(name), "%s%s", d->open ? "" : "disconnected:", d->filename);
        json_array_append_new(list,
                              json_pack("{s:b,s:o,s:o}", "frontend-open", d->users != 0, "filename",
                                        qmp_string(name), "label", qmp_string(d->id)));
    }
    return answer(c, list);
}

static json_t *pci_regions(const struct orrery_pci *f)
{
    json_t *list = json_array();

    for (int i = 0; i < 6; i++) {
        const struct orrery_pci_bar *b = &f->bar[i];
        json_t *r;
        if (!b->present)
            continue;
        r = json_pack("{s:i,s:I,s:I,s:s}", "bar", i, "size", (json_int_t)b->size, "address",
                      b->address ? (json_int_t)b->address : (json_int_t)-1, "type",
                      b->io ? "io" : "memory");
        if (!b->io) {
            json_object_set_new(r, "prefetch", json_boolean(b->prefetch));
            json_object_set_new(r, "mem_type_64", json_false());
        }
        json_array_append_new(list, r);
    }
    return list;
}

static bool query_pci(struct qmp_call *c)
{
    json_t *list = json_array();
    struct orrery_pci f;

    for (unsigned n = 0; orrery_pci_function(c->session->machine, n, &f); n++) {
        json_t *d =
            json_pack("{s:i,s:i,s:i,s:{s:i,s:s},s:{s:i,s:i,s:i,s:i},s:i,s:s,s:o}", "bus", 0, "slot",
                      (int)f.slot, "function", (int)f.function, "class_info", "class", f.class_code,
                      "desc", pci_class_name(f.class_code), "id", "device", f.device, "vendor",
                      f.vendor, "subsystem", f.subsystem, "subsystem-vendor", f.subsystem_vendor,
                      "irq_pin", f.irq_pin, "qdev_id", "", "regions", pci_regions(&f));
        if (f.irq_pin)
            json_object_set_new(d, "irq", json_integer(f.irq_line));
        json_array_append_new(list, d);
    }
    return answer(c, json_pack("[{s:i,s:o}]", "bus", 0, "devices", list));
}

static bool query_mice(struct qmp_call *c)
{
    return answer(c, json_pack("[{s:i,s:s,s:b,s:b}]", "index", 0, "name", "QEMU PS/2 Mouse",
                               "current", 1, "absolute", 0));
}

static bool query_machines(struct qmp_call *c)
{
    return answer(c,
                  json_pack("[{s:s,s:b,s:i,s:b,s:b,s:b}]", "name", "pc", "is-default", 1, "cpu-max",
                            1, "hotpluggable-cpus", 0, "numa-mem-supported", 0, "deprecated", 0));
}

static bool query_cpu_models(struct qmp_call *c)
{
    json_t *list = json_array();
    const char *name;

    for (unsigned i = 0; (name = orrery_cpu_model(i)); i++)
        json_array_append_new(
            list, json_pack("{s:s,s:b,s:b}", "name", name, "static", 1, "migration-safe", 1));
    return answer(c, list);
}

static json_t *inserted(const struct orrery_drive_state *d)
{
    return json_pack("{s:o,s:s,s:b,s:i,s:b,s:{s:o,s:s}}", "file", qmp_string(d->file), "drv", "raw",
                     "ro", d->readonly, "backing_file_depth", 0, "encrypted", 0, "image",
                     "filename", qmp_string(d->file), "format", "raw");
}

static bool query_block(struct qmp_call *c)
{
    struct orrery_drive_state d;
    json_t *list = json_array();

    for (unsigned n = 0; orrery_drive_state(c->session->machine, n, &d); n++) {
        json_t *b = json_pack("{s:s,s:s,s:b,s:b,s:s}", "device", d.name, "qdev", d.name,
                              "removable", d.removable, "locked", d.locked, "type", "unknown");
        if (d.removable)
            json_object_set_new(b, "tray_open", json_boolean(d.tray_open));
        if (d.file)
            json_object_set_new(b, "inserted", inserted(&d));
        json_array_append_new(list, b);
    }
    return answer(c, list);
}

static bool query_nodes(struct qmp_call *c)
{
    struct orrery_drive_state d;
    json_t *list = json_array();

    for (unsigned n = 0; orrery_drive_state(c->session->machine, n, &d); n++) {
        if (!d.file)
            continue;
        json_array_append_new(list, inserted(&d));
        json_object_set_new(json_array_get(list, json_array_size(list) - 1), "node-name",
                            json_string(d.name));
    }
    return answer(c, list);
}

static bool query_replay(struct qmp_call *c)
{
    const struct orrery_config *config = &c->session->options.config;
    const char *mode = config->record ? "record" : config->replay ? "play" : "none";
    uint64_t tick = config->record || config->replay ? orrery_tick(c->session->machine) : 0;
    json_t *result = json_pack("{s:s,s:I}", "mode", mode, "icount", (json_int_t)tick);

    if (config->record || config->replay)
        json_object_set_new(result, "filename",
                            qmp_string(config->record ? config->record : config->replay));
    return answer(c, result);
}

static bool query_backends(struct qmp_call *c)
{
    json_t *list = json_array();

    for (unsigned i = 0; chr_kinds[i]; i++)
        json_array_append_new(list, json_pack("{s:s}", "name", chr_kinds[i]->name));
    return answer(c, list);
}

static bool query_memdev(struct qmp_call *c)
{
    return answer(c, json_pack("[{s:s,s:I,s:b,s:b,s:b,s:b,s:b,s:[],s:s}]", "id", "pc.ram", "size",
                               (json_int_t)orrery_ram_bytes(c->session->machine), "merge", 0,
                               "dump", 1, "prealloc", 0, "share", 0, "reserve", 0, "host-nodes",
                               "policy", "default"));
}

static bool query_memory(struct qmp_call *c)
{
    return answer(c, json_pack("{s:I,s:i}", "base-memory",
                               (json_int_t)orrery_ram_bytes(c->session->machine), "plugged-memory",
                               0));
}

static bool query_machine(struct qmp_call *c)
{
    return answer(c, json_pack("{s:b}", "wakeup-suspend-support", 0));
}

static bool query_nothing(struct qmp_call *c)
{
    return answer(c, json_array());
}

/* ---- the object tree: its root is all there is of it ---- */

static bool is_machine(const char *path)
{
    return !strcmp(path, "/machine") || !strcmp(path, "/machine/");
}

static bool qom_list(struct qmp_call *c)
{
    const char *path = qmp_text(c, "path");

    if (!strcmp(path, "/"))
        return answer(c, json_pack("[{s:s,s:s},{s:s,s:s}]", "name", "type", "type", "string",
                                   "name", "machine", "type", "child<pc-machine>"));
    if (is_machine(path))
        return answer(c, json_pack("[{s:s,s:s}]", "name", "type", "type", "string"));
    return qmp_fail(c, "DeviceNotFound", "Device '%s' not found", path);
}

static bool qom_get(struct qmp_call *c)
{
    const char *path = qmp_text(c, "path"), *property = qmp_text(c, "property");

    if (!is_machine(path) && strcmp(path, "/") != 0)
        return qmp_fail(c, "DeviceNotFound", "Device '%s' not found", path);
    if (strcmp(property, "type") != 0)
        return qmp_fail(c, NULL, "Property '%s' not found", property);
    return answer(c, json_string(is_machine(path) ? "pc-machine" : "container"));
}

const struct qmp_command qmp_queries[] = {
    {"query-status", "", query_status},
    {"query-version", "", query_version},
    {"query-commands", "", query_commands},
    {"query-name", "", query_name},
    {"query-uuid", "", query_uuid},
    {"query-kvm", "", query_kvm},
    {"query-target", "", query_target},
    {"query-cpus-fast", "", query_cpus},
    {"query-chardev", "", query_chardev},
    {"query-pci", "", query_pci},
    {"query-mice", "", query_mice},
    {"query-machines", "", query_machines},
    {"query-current-machine", "", query_machine},
    {"query-cpu-definitions", "", query_cpu_models},
    {"query-block", "", query_block},
    {"query-memory-size-summary", "", query_memory},
    {"query-iothreads", "", query_nothing},
    {"query-named-block-nodes", "flat?:b", query_nodes},
    {"query-replay", "", query_replay},
    {"query-chardev-backends", "", query_backends},
    {"query-memdev", "", query_memdev},
    {"query-rx-filter", "name?:s", query_nothing},
    {"query-fdsets", "", query_nothing},
    {"query-tpm", "", query_nothing},
    {"query-tpm-models", "", query_nothing},
    {"query-tpm-types", "", query_nothing},
    {"query-yank", "", query_nothing},
    {"query-pr-managers", "", query_nothing},
    {"query-block-exports", "", query_nothing},
    {"query-acpi-ospm-status", "", query_nothing},
    {"query-jobs", "", query_nothing},
    {"query-block-jobs", "", query_nothing},
    {"query-memory-devices", "", query_nothing},
    {"query-hotpluggable-cpus", "", query_nothing},
    {"qom-list", "path:s", qom_list},
    {"qom-get", "path:s property:s", qom_get},
    {NULL, NULL, NULL},
};
