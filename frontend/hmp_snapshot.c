/* The text monitor's commands for snapshots in files: each is a file of its own, in the current
 * folder or wherever its name says. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frontend/monitor.h"
#include "frontend/session.h"

static bool run_savevm(struct hmp *h)
{
    char file[1024], err[1400];

    return hmp_need_word(h, file, sizeof(file), "filename") &&
           (orrery_save(h->session->machine, file, err, sizeof(err)) ||
            hmp_fail(h, "Error: %s", err));
}

static bool run_loadvm(struct hmp *h)
{
    char file[1024], err[1400];

    if (!hmp_need_word(h, file, sizeof(file), "filename"))
        return false;
    if (!orrery_load(h->session->machine, file, err, sizeof(err)))
        return hmp_fail(h, "Error: %s", err);
    session_moved(h->session);
    return true;
}

/* Nothing else is deleted, whatever somebody has typed. */
static bool run_delvm(struct hmp *h)
{
    struct orrery_snapshot_info info;
    char file[1024];

    if (!hmp_need_word(h, file, sizeof(file), "filename"))
        return false;
    if (!orrery_snapshot_info(file, &info))
        return hmp_fail(h, "Error: '%s' is no snapshot", file);
    return !unlink(file) || hmp_fail(h, "Error: '%s': %s", file, strerror(errno));
}

const struct hmp_command hmp_snapshot_commands[] = {
    {"savevm", NULL, "file", "save the machine's state into a file", run_savevm},
    {"loadvm", NULL, "file", "go on from the state in a file", run_loadvm},
    {"delvm", NULL, "file", "delete a file with a machine's state", run_delvm},
    {NULL, NULL, NULL, NULL, NULL},
};

static void print_snapshot(FILE *out, const char *name, const struct orrery_snapshot_info *i)
{
    time_t saved = (time_t)i->saved;
    struct tm tm;
    char date[32] = "";

    if (localtime_r(&saved, &tm))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(out, "%-24s %8.1f MiB  %s  %12.3f s  tick %llu\n", name, (double)i->bytes / (1 << 20),
            date, (double)i->time_ns / 1e9, (unsigned long long)i->tick);
}

/* Those in the current folder. */
bool hmp_info_snapshots(struct hmp *h)
{
    struct dirent **names;
    int n = scandir(".", &names, NULL, alphasort);
    bool any = false;

    for (int i = 0; i < n; i++) {
        struct orrery_snapshot_info info;
        if (names[i]->d_name[0] != '.' && orrery_snapshot_info(names[i]->d_name, &info)) {
            print_snapshot(h->out, names[i]->d_name, &info);
            any = true;
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    if (!any)
        fputs("There is no snapshot available.\n", h->out);
    return true;
}
