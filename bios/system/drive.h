/* Drives: what INT 13h knows of one, and what it asks of the code that drives it. */
#ifndef BIOS_DRIVE_H
#define BIOS_DRIVE_H

#include "bios/system/system.h"

enum drive_kind { DRIVE_NONE, DRIVE_ATA, DRIVE_ATAPI };

struct drive {
    u8 kind;
    bool slave, lba48;
    u16 base, control;            /* ports */
    u32 sectors;                  /* of 512 bytes, of a disk */
    u16 cylinders, heads, spt;    /* as INT 13h shows them */
    u16 pcylinders, pheads, pspt; /* the drive's own */
    char model[41];
};

/* Statuses of INT 13h. */
enum disk_status {
    DISK_OK,
    DISK_BAD_COMMAND = 0x01,
    DISK_NO_ADDRESS_MARK = 0x02,
    DISK_WRITE_PROTECTED = 0x03,
    DISK_NO_SECTOR = 0x04,
    DISK_CHANGED = 0x06,
    DISK_DMA_BOUNDARY = 0x09,
    DISK_BAD_MEDIUM = 0x0c,
    DISK_BAD_CRC = 0x10,
    DISK_CONTROLLER = 0x20,
    DISK_SEEK = 0x40,
    DISK_TIMEOUT = 0x80,
    DISK_NOT_READY = 0xaa,
    DISK_LOCKED = 0xb1,
    DISK_NOT_LOCKED = 0xb0,
    DISK_NOT_REMOVABLE = 0xb2,
};

#define MAX_DISKS 4
#define MAX_CDS   4
extern struct drive disks[MAX_DISKS], cds[MAX_CDS];
extern u8 disk_count, cd_count;

/* Reads or writes count sectors of 512 bytes from lba on at a linear address below 1 MiB + 64 KiB.
 */
enum disk_action { DISK_READ, DISK_WRITE, DISK_VERIFY };
u8 ata_transfer(const struct drive *d, enum disk_action action, u32 lba, u16 count, u32 at);

/* The device address packet of EDD at DS:SI. */
struct packet {
    u8 size, reserved;
    u16 count;
    struct far buffer;
    u32 lba, lba_high;
} __attribute__((packed));

/* Whether real mode can reach all of a buffer of count sectors. */
bool reachable(const struct far *buffer, u16 count, u16 size);

/* A packet command that reads up to len bytes (even) to a linear address; skip bytes before them
 * are thrown away, what is beyond, too. sense: the key of an error. */
u8 atapi_packet(const struct drive *d, const u8 packet[12], u32 at, u16 skip, u32 len, u8 *sense);
/* Sectors of 2048 bytes. */
u8 atapi_read(const struct drive *d, u32 lba, u16 count, u32 at);
/* Waits until a disc is ready; false: there is none. */
bool atapi_ready(const struct drive *d);

#endif
