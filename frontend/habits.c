/* What else stands on QEMU's command lines: options that are accepted because their absence changes
 * nothing that a guest was meant to see, with a warning; and those whose absence would, refused. */
#include "frontend/habits.h"

#include <string.h>

#include "frontend/options.h"

struct habit {
    const char *name;
    bool arg, refused;
    const char *why;
};

#define NO_KVM "Orrery's own translator runs the guest"
#define NO_USB "there is no USB"
#define NO_GUI "it has no effect on this display"
#define ALWAYS "it is always so"
#define BOARD  "the board has it for good"
#define MEMORY "memory is allocated as it is touched"

static const struct habit habits[] = {
    {"enable-kvm", false, false, NO_KVM},
    {"no-kvm", false, false, ALWAYS},
    {"no-kqemu", false, false, ALWAYS},
    {"kernel-kqemu", false, false, NO_KVM},
    {"enable-kqemu", false, false, NO_KVM},
    {"enable-hax", false, false, NO_KVM},
    {"no-kvm-irqchip", false, false, ALWAYS},
    {"no-kvm-pit", false, false, ALWAYS},
    {"no-kvm-pit-reinjection", false, false, ALWAYS},
    {"tdf", false, false, "no tick is ever lost"},
    {"rtc-td-hack", false, false, "no tick is ever lost"},
    {"singlestep", false, false, "blocks of one instruction would change nothing but speed"},
    {"one-insn-per-tb", false, false, "blocks of one instruction would change nothing but speed"},
    {"tb-size", true, false, "use -accel jit,cache-size=MiB"},
    {"usb", false, false, NO_USB},
    {"usbdevice", true, false, NO_USB},
    {"no-acpi", false, false, BOARD},
    {"no-hpet", false, false, BOARD},
    {"win2k-hack", false, false, "disks need it not"},
    {"smbios", true, false, "there are no SMBIOS tables"},
    {"uuid", true, false, "nothing shows it to the guest"},
    {"L", true, false, "nothing is loaded from there"},
    {"no-quit", false, false, NO_GUI},
    {"no-frame", false, false, NO_GUI},
    {"alt-grab", false, false, NO_GUI},
    {"ctrl-grab", false, false, NO_GUI},
    {"show-cursor", false, false, NO_GUI},
    {"portrait", false, false, NO_GUI},
    {"spice", true, false, NO_GUI},
    {"g", true, false, NO_GUI},
    {"mem-path", true, false, MEMORY},
    {"mem-prealloc", false, false, MEMORY},
    {"realtime", true, false, MEMORY},
    {"overcommit", true, false, MEMORY},
    {"balloon", true, false, MEMORY},
    {"msg", true, false, "messages have no time stamps"},
    {"sandbox", true, false, "system calls are not filtered"},
    {"seed", true, false, "nothing here is random"},
    {"watchdog", true, false, "there is no watchdog"},
    {"watchdog-action", true, false, "there is no watchdog"},
    {"echr", true, false, "the escape character is Ctrl-A"},
    {"clock", true, false, "virtual time needs no clock"},
    {"std-vga", false, false, ALWAYS},
    {"cirrusvga", false, false, "the guest gets the VGA of '-vga std'"},
    {"nodefconfig", false, false, ALWAYS},
    {"no-user-config", false, false, ALWAYS},
    {"readconfig", true, true, "configuration files are not read"},
    {"writeconfig", true, true, "configuration files are not written"},
    {"incoming", true, true, "there is no migration"},
    {"trace", true, true, "there are no trace events; see -d"},
    {"trace-file", true, true, "there are no trace events; see -d"},
    {"numa", true, true, "there is one node of memory"},
    {"acpitable", true, true, "ACPI tables are those of the board"},
    {"option-rom", true, true, "there are no option ROMs of the user's"},
    {"pflash", true, true, "firmware is given with -bios"},
    {"mtdblock", true, true, "there is no flash memory"},
    {"sd", true, true, "there is no SD card reader"},
    {"dtb", true, true, "a PC has no device tree"},
    {"virtfs", true, true, "folders of the host are not shared"},
    {"fsdev", true, true, "folders of the host are not shared"},
    {"tpmdev", true, true, "there is no TPM"},
    {"blockdev", true, true, "drives are given with -drive"},
    {"fw_cfg", true, true, "the configuration device has what firmware needs"},
    {"action", true, true, "see -no-reboot and -no-shutdown"},
    {"set", true, true, "properties are given with the device"},
    {"tftp", true, true, "use -nic user,tftp=FOLDER"},
    {"bootp", true, true, "use -nic user,bootfile=FILE"},
    {"redir", true, true, "use -nic user,hostfwd=..."},
    {"runas", true, true, "start it as that user"},
    {"chroot", true, true, "start it there"},
};

const struct habit *habit_find(const char *name)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
        if (!strcmp(habits[i].name, name))
            return &habits[i];
    return NULL;
}

bool habit_has_arg(const struct habit *h)
{
    return h->arg;
}

bool habit_apply(const struct habit *h)
{
    return h->refused ? complain("-%s is not supported: %s", h->name, h->why)
                      : warn_user("-%s has no effect: %s", h->name, h->why);
}

void habits_print(FILE *out)
{
    unsigned column = 0;

    fputs("without effect, but for a warning:", out);
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
        if (!habits[i].refused)
            fprintf(out, "%s-%s", column++ % 6 ? " " : "\n  ", habits[i].name);
    fputc('\n', out);
}
