/* The inside of an IDE controller: one channel with two drives, ATA disks or ATAPI CD-ROM drives.
 * ATA/ATAPI-6 (T13 1410D). ide.c has registers and data transfer, ide_cmd.c the commands,
 * ide_dma.c the bus master, atapi.c what follows a PACKET command, piix3_ide.c the PCI function
 * that holds two channels. */
#ifndef DEVICES_IDE_H
#define DEVICES_IDE_H

#include "devices/atapi.h"
#include "devices/core/blk.h"
#include "devices/core/dev.h"

#define IDE_BLOCK 16 /* sectors in the buffer: the most of READ MULTIPLE */

enum { /* status register */
       ATA_BSY = 0x80,
       ATA_DRDY = 0x40,
       ATA_DF = 0x20,
       ATA_DSC = 0x10,
       ATA_DRQ = 0x08,
       ATA_ERR = 0x01,
       ATA_IDLE = ATA_DRDY | ATA_DSC,
};
enum { ATA_UNC = 0x40, ATA_IDNF = 0x10, ATA_ABRT = 0x04 }; /* error register */
enum { ATA_HOB = 0x80, ATA_SRST = 0x04, ATA_NIEN = 0x02 }; /* device control register */
enum { ATA_LBA = 0x40, ATA_DEV = 0x10 };                   /* device register */
enum { ATA_DEVICE_RESET = 0x08, ATA_DIAGNOSTIC = 0x90, ATA_PACKET = 0xa0 }; /* commands */

/* Registers of the command block, as port offsets. */
enum { R_DATA, R_FEATURE, R_COUNT, R_LBA0, R_LBA1, R_LBA2, R_DEVICE, R_STATUS, R_REGS };

enum ide_phase {
    IDE_NONE,
    IDE_RESET,    /* software reset, or the time after it */
    IDE_COMMAND,  /* timer: begin the command */
    IDE_FETCH,    /* timer: read the next block from the medium */
    IDE_IN,       /* the host reads the buffer */
    IDE_OUT,      /* the host fills the buffer */
    IDE_STORE,    /* timer: write the block to the medium */
    IDE_DMA_WAIT, /* for the bus master's start bit */
    IDE_DMA,      /* timer: do the transfer */
};

struct ide_drive {
    /* Set while the board is built. */
    bool present, packet; /* there is a drive; it is a CD-ROM drive */
    struct blk *blk;      /* owned; of a CD-ROM drive the disc, NULL: none */
    u64 sectors;          /* of a disk */
    u16 cylinders;        /* of the default geometry of 16 heads and 63 sectors */
    u8 number;            /* 0 or 1 */

    struct blk_log log;
    u8 reg[R_REGS], hob[R_REGS]; /* as last written, and as written before that */
    u8 error, status;
    bool intrq;
    u16 geo_cylinders, geo_heads, geo_sectors; /* as set by INITIALIZE DEVICE PARAMETERS */
    u8 multiple;                               /* sectors a block, 0: READ MULTIPLE is off */
    u8 transfer;                               /* mode of SET FEATURES 03h */
    bool write_cache, look_ahead, standby;
    struct atapi cd;
};

struct ide_bus_master {
    u8 command, status;
    u32 table;
};

struct ide_channel {
    struct bus *bus;
    struct irq_line irq;
    u8 *bounce; /* for DMA, IDE_BOUNCE sectors */

    struct ide_drive drive[2];
    struct ide_bus_master bm;
    u8 control;
    u8 selected; /* 0 or 1 */
    bool line;   /* level of irq */

    /* The command under way. */
    u8 phase;  /* enum ide_phase */
    u8 active; /* its drive */
    u8 command;
    u64 lba;      /* of the next sector between buffer and medium */
    u32 left;     /* sectors from there on */
    u32 pos, end; /* of the host in buf */
    u8 buf[IDE_BLOCK * BLK_SECTOR];
    struct timer timer;
};
extern const struct field ide_channel_fields[];

#define IDE_BOUNCE 256u /* sectors */

/* -- ide.c -- */

/* Claims the ports of a channel and makes its timer. */
void ide_channel_init(struct ide_channel *ch, struct bus *bus, u16 base, u16 control_port, u8 irq);
void ide_channel_destroy(struct ide_channel *ch);
void ide_channel_reset(struct ide_channel *ch);

/* Plugs a disk in, or a CD-ROM drive with a disc in it (NULL: none) under the name by which it is
 * found for changing discs; the channel owns the blk from now on. Before the machine starts. */
void ide_channel_attach(struct ide_channel *ch, unsigned n, struct blk *blk);
void ide_channel_attach_cd(struct ide_channel *ch, unsigned n, struct blk *blk, const char *name);

/* The command under way was given by a PACKET command. */
bool ide_is_packet(const struct ide_channel *ch);

/* For commands: the states that a drive goes through. */
void ide_after(struct ide_channel *ch, enum ide_phase phase, u64 ns); /* busy, then `phase` */
void ide_done(struct ide_channel *ch);                                /* with an interrupt */
void ide_fail(struct ide_channel *ch, u8 error);                      /* the same, with an error */
void ide_device_fault(struct ide_channel *ch); /* the medium refused a write */
/* DRQ: bytes [from, from + bytes) of buf are there to be read (IDE_IN) or filled (IDE_OUT). */
void ide_open_buffer(struct ide_channel *ch, enum ide_phase phase, u32 from, u32 bytes);
void ide_data_in(struct ide_channel *ch, u32 bytes);  /* buf is there to be read */
void ide_data_out(struct ide_channel *ch, u32 bytes); /* buf is there to be filled */
void ide_signature(struct ide_drive *d);              /* registers as after a reset */
void ide_set_intrq(struct ide_channel *ch, struct ide_drive *d, bool level);

/* -- ide_cmd.c -- */

void ide_command(struct ide_channel *ch);        /* begins the command in ch->command */
void ide_fetch(struct ide_channel *ch);          /* next block of a read */
void ide_store(struct ide_channel *ch);          /* next block of a write */
bool ide_is_write(const struct ide_channel *ch); /* the command's data go to the drive */
void ide_show_address(struct ide_channel *ch);   /* registers name the sector ch->lba */

/* -- ide_dma.c -- */

#define IDE_BM_PORTS 8

u8 ide_bm_read(struct ide_channel *ch, unsigned reg);
void ide_bm_write(struct ide_channel *ch, unsigned reg, u8 value);
void ide_bm_reset(struct ide_channel *ch);
void ide_bm_interrupt(struct ide_channel *ch); /* the interrupt line rose */
void ide_dma_begin(struct ide_channel *ch);    /* drive is ready, or the start bit was set */
void ide_dma_run(struct ide_channel *ch);      /* the transfer, and the end of its command */

#endif
