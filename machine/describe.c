/* The text by which a journal or a snapshot knows the machine that it comes from: everything that
 * decides a run besides its input. A journal's goes with the contents of all images, too: zeros
 * that the host has not stored are not read for that. */
#include "machine/machine.h"

#include "devices/board_pc.h"
#include "machine/firmware.h"
#include "machine/linux_boot.h"
#include "machine/multiboot.h"

#include <stdlib.h>
#include <string.h>

static void describe_drive(FILE *f, const struct orrery_drive *d, const struct blk *blk, unsigned n)
{
    if (d->file || d->cdrom || d->floppy)
        fprintf(f, "%s%u=%s%s size %llu\n",
                d->cdrom    ? "cd"
                : d->floppy ? "floppy"
                            : "hd",
                n, d->file ? d->file : "", d->readonly && !d->cdrom ? " readonly" : "",
                blk ? (unsigned long long)blk_sectors(blk) * BLK_SECTOR : 0);
}

/* A -device option, but for where its sound goes. */
static void describe_device(FILE *f, const char *option)
{
    fprintf(f, "device=");
    for (const char *part = option; *part;) {
        size_t len = strcspn(part, ",");
        if (strncmp(part, "audiodev=", 9))
            fprintf(f, "%s%.*s", part == option ? "" : ",", (int)len, part);
        part += len + (part[len] == ',');
    }
    fputc('\n', f);
}

bool describe(struct orrery *o, const struct orrery_config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return false;
    fprintf(f, "cpu=%s features %016llx\n", o->model.name, (unsigned long long)o->model.features);
    fprintf(f, "ram=%llu\n", (unsigned long long)phys_ram_size(o->phys));
    fprintf(f, "linux=%016llx\n",
            (unsigned long long)(o->kernel ? linux_image_hash(o->kernel) : 0));
    fprintf(f, "multiboot=%016llx\n",
            (unsigned long long)(o->multiboot ? multiboot_hash(o->multiboot) : 0));
    fprintf(f, "bios=%016llx\n", (unsigned long long)firmware_hash(o->firmware));
    for (unsigned i = 0; i < 4; i++)
        describe_drive(f, &c->ide[i], board_pc_disk(o->bus, i), i);
    for (unsigned i = 0; i < ARRAY_LEN(c->floppy); i++)
        describe_drive(f, &c->floppy[i], board_pc_floppy(o->bus, i), i);
    for (unsigned i = 0; i < ORRERY_SERIAL_PORTS; i++)
        fprintf(f, "serial%u=%d\n", i, c->serial_present[i]);
    fprintf(f, "parallel=%d\n", c->parallel_present);
    fprintf(f, "debugcon=%d\n", c->debugcon_present);
    fprintf(f, "vga=%s\n", c->no_vga ? "none" : "std");
    fprintf(f, "no-reboot=%d\n", c->no_reboot);
    fprintf(f, "boot=%s once=%s menu=%d wait=%u%s\n", o->boot_order, o->boot_once, c->boot.menu,
            c->boot.menu_ms, c->boot.any_floppy ? " any floppy" : "");
    chardevs_describe(o, f);
    disks_describe(o, c, f);
    for (unsigned i = 0; i < ORRERY_NETS && o->net_name[i]; i++)
        fprintf(f, "netdev=%s%s\n", o->net_name[i], o->net[i].large ? " large" : "");
    for (unsigned i = 0; c->devices && c->devices[i]; i++)
        describe_device(f, c->devices[i]);
    fclose(f);
    o->config_text = text;
    return true;
}

/* ---- contents of images ---- */

struct sums {
    FILE *out;
    const char *unreadable; /* or NULL */
};

static void add_sum(void *opaque, struct blk *b)
{
    struct sums *s = opaque;
    u64 sum;

    if (blk_checksum(b, &sum))
        fprintf(s->out, "contents of %s=%016llx\n", blk_path(b), (unsigned long long)sum);
    else
        s->unreadable = blk_path(b);
}

char *describe_run(struct orrery *o, char *err, size_t err_size)
{
    char *text = NULL;
    size_t len = 0;
    struct sums s = {.out = open_memstream(&text, &len)};

    if (!s.out) {
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    fputs(o->config_text, s.out);
    machine_each_disk(o, add_sum, &s);
    fclose(s.out);
    if (!s.unreadable)
        return text;
    snprintf(err, err_size, "disk image '%s' cannot be read", s.unreadable);
    free(text);
    return NULL;
}
