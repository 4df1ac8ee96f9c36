/* The inside of the floppy disk controller, an Intel 82077AA (data sheet 290166) in AT mode, with
 * two drives. fdc.c has registers, interrupts and phases, fdc_cmd.c the commands without data,
 * fdc_data.c those with, fdc_drive.c drives and media. */
#ifndef DEVICES_FDC_H
#define DEVICES_FDC_H

#include "devices/core/dev.h"
#include "devices/core/medium.h"
#include "devices/floppy.h"

#define FDC_UNITS     4    /* drive numbers of the controller */
#define FDC_BUF       1024 /* a sector, or 4 bytes for each of 255 sectors to be formatted */
#define FDC_SECTORS   5760 /* of the largest medium */
#define FDC_DMA       2
#define FDC_SIZE_CODE 2 /* N of a sector of 512 bytes */

/* Registers. */
enum { DOR_IRQ_DMA = 0x08, DOR_RUN = 0x04 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NDMA = 0x20, MSR_BUSY = 0x10 };

/* Status registers 0 to 3. */
enum { ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_POLLED = 0xc0, ST0_SE = 0x20, ST0_EC = 0x10 };
enum { ST1_EN = 0x80, ST1_DE = 0x20, ST1_OR = 0x10, ST1_ND = 0x04, ST1_NW = 0x02, ST1_MA = 0x01 };
enum { ST2_CM = 0x40, ST2_DD = 0x20, ST2_WC = 0x10, ST2_SH = 0x08, ST2_SN = 0x04 };
enum { ST3_WP = 0x40, ST3_T0 = 0x10, ST3_ALWAYS = 0x28 };

/* CONFIGURE, first byte. */
enum { CONF_EIS = 0x40, CONF_NO_FIFO = 0x20, CONF_NO_POLL = 0x10, CONF_THRESHOLD = 0x0f };

/* Bits of the first command byte. */
enum { CMD_MT = 0x80, CMD_MFM = 0x40, CMD_SK = 0x20 };

/* Data rates as in CCR. */
enum { RATE_500, RATE_300, RATE_250, RATE_1000 };

/* What a medium holds. */
struct fdc_format {
    u16 kib;
    u8 cylinders, heads, sectors;
    u8 inch; /* 5 or 3 */
    u8 rate; /* of the controller */
    u8 type; /* the drive that the first medium makes, enum floppy_type */
};

struct fdc_drive {
    /* Set by configuration and by changes of the medium, which come through the journal. */
    struct medium slot;
    struct blk *blk; /* owned; NULL: no medium */
    const struct fdc_format *format;

    u8 type; /* enum floppy_type; FLOPPY_NONE: no drive */
    u16 kib; /* of the medium, 0: none */
    bool read_only;
    u8 track; /* the head's */
    bool changed;
    struct blk_log log;
    u8 deleted[FDC_SECTORS / 8]; /* sectors with a deleted data mark */
};

enum fdc_phase {
    FDC_IDLE,   /* the first byte of a command is awaited */
    FDC_PARAMS, /* the others */
    FDC_SEARCH, /* timer: the next sector passes under the head */
    FDC_DATA,   /* data goes in or out; timer: it goes too slowly */
    FDC_GAP,    /* without DMA: timer: the next bytes are there */
    FDC_STALL,  /* no disk turns: only a reset ends the command */
    FDC_RESULT, /* result bytes are read */
    FDC_RESET,  /* held in reset, or timer: the time after it */
};

struct fdc;

/* A command: those whose byte is `value` under `mask`. */
struct fdc_command {
    u8 value, mask;
    u8 params; /* bytes that follow */
    u8 flags;  /* of commands with data: FDC_* below */
    void (*run)(struct fdc *s);
};
extern const struct fdc_command fdc_commands[];

enum { /* flags */
       FDC_WRITE = 1,
       FDC_DELETED = 2,
       FDC_SCAN = 4,
       FDC_VERIFY = 8,
       FDC_TRACK = 16,
       FDC_FORMAT = 32,
       FDC_ID = 64,
};

struct fdc {
    struct dev dev;
    struct irq_line irq;
    struct dev *dma; /* NULL: none */

    struct fdc_drive drive[FLOPPY_DRIVES];
    u8 dor, tdr, rate, precomp;
    bool powered_down;
    bool line; /* level of irq */

    /* As set by commands. */
    u8 pcn[FDC_UNITS];
    u8 srt_hut, hlt_nd, config, pretrk, perpendicular, eot;
    bool lock;

    /* Interrupts: of a seek or of polling for each unit, of a result, of data without DMA. */
    u8 seek_done; /* a bit for each unit */
    u8 seek_st0[FDC_UNITS];
    bool int_result, int_data;
    struct timer seek_timer[FDC_UNITS]; /* armed while the drive seeks */

    /* The command under way. */
    u8 phase;   /* enum fdc_phase */
    u8 command; /* index in fdc_commands */
    u8 cmd[9];
    u8 cmd_len; /* bytes there */
    u8 result[10];
    u8 result_len, result_pos;
    u8 st[3];
    u8 unit, head; /* as selected; head changes with MT */
    u8 c, h, r, n; /* the sector's address */
    u32 count;     /* READ TRACK: sectors read; VERIFY: sectors left, 0: no count */
    bool last;     /* stop after this sector, at its address */
    bool tc;       /* terminal count came */
    bool out;      /* data comes from the host */
    u32 pos, end;  /* of the host in buf */
    u32 burst;     /* without DMA: bytes that may go now */
    u8 buf[FDC_BUF];
    struct timer timer;
};

/* -- fdc.c -- */

/* Goes into a phase that the timer ends. */
void fdc_wait(struct fdc *s, enum fdc_phase phase, u64 ns);
void fdc_results(struct fdc *s, unsigned count); /* bytes in s->result, without interrupt */
void fdc_finish(struct fdc *s);                  /* result phase of a command with data */
void fdc_fail(struct fdc *s, u8 st1, u8 st2);    /* the same, abnormal termination */
void fdc_done(struct fdc *s);                    /* end of a command without results */
void fdc_update_irq(struct fdc *s);
/* begins to move s->buf from s->pos to s->end */
void fdc_begin_data(struct fdc *s, bool out, u32 bytes);
bool fdc_no_dma(const struct fdc *s);

/* A sector passes under the head in this time, a step takes that: some hundred times faster than a
 * real drive. */
#define FDC_SECTOR_NS 100000
#define FDC_STEP_NS   10000

/* -- fdc_cmd.c -- */

/* Steps a unit's head; how long that takes. */
u64 fdc_step(struct fdc *s, unsigned unit, int pulses);
void fdc_seek_ended(struct fdc *s, unsigned unit);

/* -- fdc_data.c -- */

void fdc_transfer(struct fdc *s); /* begins READ DATA and all its relatives */
void fdc_format(struct fdc *s);
void fdc_read_id(struct fdc *s);
void fdc_sector(struct fdc *s);    /* the next sector is under the head */
void fdc_data_done(struct fdc *s); /* buf has gone to the host or come from it */

/* -- fdc_drive.c -- */

extern const struct field fdc_drive_fields[];

/* The drive that answers to a unit now: selected and with its motor on; NULL: none. */
struct fdc_drive *fdc_selected(struct fdc *s, unsigned unit);
void fdc_drive_step(struct fdc_drive *d, int pulses);
/* The cylinder of the medium under the head, -1: nothing that can be read at this rate. */
int fdc_cylinder(const struct fdc_drive *d, unsigned head, u8 rate);
/* The number of a sector in the image. */
u32 fdc_lba(const struct fdc_drive *d, unsigned cylinder, unsigned head, unsigned sector);
/* A sector; zeros where the image is shorter than the disk. False: the host cannot. */
bool fdc_read_image(const struct fdc_drive *d, u32 lba, u8 *buf);
bool fdc_is_deleted(const struct fdc_drive *d, u32 lba);
void fdc_set_deleted(struct fdc_drive *d, u32 lba, bool deleted);
void fdc_close_drives(struct fdc *s);

#endif
