/* The inside of an ATAPI CD-ROM drive: what comes after the PACKET command. SFF-8020i, and MMC-3
 * (T10 1363-D) for the commands. atapi.c has the transport (packets, data phases, sense data),
 * atapi_cmd.c the commands that move data and media, atapi_info.c those that describe drive and
 * disc, cd_sector.c raw sectors. The disc is one data track of mode 1, an image of 2048-byte
 * sectors. */
#ifndef DEVICES_ATAPI_H
#define DEVICES_ATAPI_H

#include "devices/core/medium.h"

struct ide_channel;
struct ide_drive;

#define ATAPI_CDB  12
#define ATAPI_MODE 32 /* bytes of mode pages that can be changed */

struct atapi {
    struct medium slot; /* constant while the machine runs */

    u32 sectors; /* of the disc in the tray, 0: none */
    u32 discs;   /* put in so far */
    bool tray_open, locked;
    u8 attention; /* enum atapi_attention, still to be reported */
    u8 events;    /* enum atapi_event, the same */
    u8 key, asc, ascq;
    bool has_info; /* sense data name a sector */
    u32 info;
    u16 speed; /* kB a second, as set */
    u8 mode[ATAPI_MODE];

    /* The command under way. */
    u8 cdb[ATAPI_CDB];
    bool awaiting_cdb, dma, out;
    u16 limit; /* bytes a block of PIO */
    u32 chunk; /* bytes in the channel's buffer */
    u32 next;  /* sector to be read next */
    u32 left;  /* sectors from there on */
    u8 parts;  /* enum atapi_parts of each sector */
};
extern const struct field atapi_fields[];

enum atapi_attention { ATTENTION_RESET = 1, ATTENTION_DISC = 2, ATTENTION_EJECT = 4 };
enum atapi_event { EVENT_EJECT = 1, EVENT_NEW = 2, EVENT_REMOVED = 4 };
enum atapi_parts {
    PART_SYNC = 0x80,
    PART_SUBHEADER = 0x40,
    PART_HEADER = 0x20,
    PART_USER = 0x10,
    PART_EDC = 0x08,
};

enum sense_key { KEY_NOT_READY = 2, KEY_MEDIUM = 3, KEY_ILLEGAL = 5, KEY_ATTENTION = 6 };

/* Additional sense codes, with their qualifiers in the low byte. */
enum sense_code {
    SENSE_READ_ERROR = 0x1100,
    SENSE_PARAMETER_LENGTH = 0x1a00,
    SENSE_OPCODE = 0x2000,
    SENSE_RANGE = 0x2100,
    SENSE_FIELD = 0x2400,
    SENSE_PARAMETER = 0x2600,
    SENSE_DISC_CHANGED = 0x2800,
    SENSE_RESET = 0x2900,
    SENSE_SEQUENCE = 0x2c00,
    SENSE_SAVING = 0x3900,
    SENSE_NO_DISC = 0x3a01,
    SENSE_TRAY_OPEN = 0x3a02,
    SENSE_LOCKED = 0x5302,
    SENSE_EJECT_WISH = 0x5a01,
    SENSE_TRACK_MODE = 0x6400,
};

/* -- atapi.c -- */

/* A drive on the channel; `blk` (owned by the drive) is the disc in it, or NULL. */
void atapi_init(struct ide_channel *ch, struct ide_drive *d, const char *name);
void atapi_reset(struct atapi *cd); /* hardware reset */

void atapi_start_packet(struct ide_channel *ch, struct ide_drive *d); /* the PACKET command */
void atapi_fetch(struct ide_channel *ch); /* the host has read the block */
void atapi_store(struct ide_channel *ch); /* the host has filled the block */

/* For the bus master. Next chunk into the buffer. */
enum atapi_load { LOAD_CHUNK, LOAD_END, LOAD_FAILED };
enum atapi_load atapi_load(struct ide_channel *ch);
void atapi_dma_done(struct ide_channel *ch);
void atapi_medium_error(struct ide_channel *ch);

/* -- for commands: each ends in one of these -- */

void atapi_done(struct ide_channel *ch);
void atapi_check(struct ide_channel *ch, enum sense_key key, enum sense_code code);
void atapi_check_sector(struct ide_channel *ch, enum sense_key key, enum sense_code code, u32 lba);
/* The first `bytes` of the buffer go to the host, cut to what it has allocated. */
void atapi_reply(struct ide_channel *ch, u32 bytes, u32 allocated);
/* `bytes` of parameters come from the host, then the command's `finish` is called. */
void atapi_receive(struct ide_channel *ch, u32 bytes);
/* Sectors go to the host; they are on the disc. */
void atapi_send_sectors(struct ide_channel *ch, u32 lba, u32 count, u8 parts);
u32 atapi_sector_bytes(u8 parts);

/* -- atapi_cmd.c -- */

enum { P_QUIET = 1, P_DISC = 2 }; /* reports no unit attention; needs a disc */
struct packet_command {
    void (*start)(struct ide_channel *ch, struct atapi *cd);
    void (*finish)(struct ide_channel *ch, struct atapi *cd); /* after atapi_receive() */
    u8 flags;
};
extern const struct packet_command packet_commands[256];

void atapi_close_tray(struct atapi *cd);
void atapi_open_tray(struct atapi *cd);

/* -- atapi_info.c -- */

#define CD_MAX_SPEED 4234 /* kB a second: 24 times */

void atapi_inquiry(struct ide_channel *ch, struct atapi *cd);
void atapi_read_toc(struct ide_channel *ch, struct atapi *cd);
void atapi_configuration(struct ide_channel *ch, struct atapi *cd);
void atapi_event_status(struct ide_channel *ch, struct atapi *cd);
void atapi_mode_sense(struct ide_channel *ch, struct atapi *cd);
void atapi_mode_select(struct ide_channel *ch, struct atapi *cd);
void atapi_mode_selected(struct ide_channel *ch, struct atapi *cd);
void atapi_mechanism_status(struct ide_channel *ch, struct atapi *cd);
void atapi_disc_information(struct ide_channel *ch, struct atapi *cd);
void atapi_track_information(struct ide_channel *ch, struct atapi *cd);
void atapi_subchannel(struct ide_channel *ch, struct atapi *cd);
void atapi_mode_defaults(struct atapi *cd);

#endif
