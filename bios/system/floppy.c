/* Diskettes: INT 13h for numbers below 80h, by an 82077AA with channel 2 of the 8237.
 *
 * A medium's data rate is found out when it is first used, or after the drive has said that it was
 * changed, and kept at 40:90. Programs may change the table of INT 1Eh: sectors on a track, gaps.
 */
#include "bios/system/cdrom.h"
#include "bios/system/drive.h"
#include "bios/system/services.h"

enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5, CHANGE = 0x3f7, RATE = 0x3f7 };
enum { RQM = 0x80, TO_CPU = 0x40, BUSY = 0x10 };
enum { IRQ_SEEN = 0x80 };                                        /* BDA->fd_calibrated */
enum { ESTABLISHED = 0x10, DOUBLE_STEP = 0x20, RATE_SHIFT = 6 }; /* BDA->fd_media */
enum {
    READ = 0xe6,
    WRITE = 0xc5,
    FORMAT = 0x4d,
    READ_ID = 0x4a,
    RECALIBRATE = 7,
    SENSE = 8,
    SEEK = 0x0f,
    SPECIFY = 3
};
#define MOTOR_TICKS  37 /* two seconds */
#define LATEST_TICKS 40
#define DEFAULT_SPT  18 /* of the table in ROM */

/* By the type that CMOS tells. */
static const struct type {
    u8 cylinders, spt;
    u8 rates[3]; /* to try: 0: 500, 1: 300, 2: 250, 3: 1000 kbit/s */
    u8 tries;
} types[] = {
    {0, 0, {0}, 0},  {40, 9, {2}, 1},     {80, 15, {0, 1}, 2},
    {80, 9, {2}, 1}, {80, 18, {0, 2}, 2}, {80, 36, {3, 0, 2}, 3},
};

static u8 drive_type(u8 drive)
{
    u8 both = cmos_read(0x10), type = drive ? both & 15 : both >> 4;
    return drive < 2 && type < ARRAY_LEN(types) ? type : 0;
}

u8 floppy_count(void)
{
    return (u8)(drive_type(0) ? 1 + (drive_type(1) != 0) : 0);
}

static u8 table(u8 at)
{
    struct far t = far_at(0, 4 * 0x1e);
    return peek8(t.seg, t.off + at);
}

/* ---- the controller ---- */

void irq6(struct regs *r)
{
    (void)r;
    BDA->fd_calibrated |= IRQ_SEEN;
    outb(0x20, 0x20);
}

static bool wait_interrupt(void)
{
    u32 start = ticks_now();

    while (ticks_now() - start < LATEST_TICKS) {
        if (BDA->fd_calibrated & IRQ_SEEN) {
            BDA->fd_calibrated &= (u8)~IRQ_SEEN;
            return true;
        }
        wait_irq();
    }
    return false;
}

static bool ready_for(u8 direction)
{
    for (unsigned i = 0; i < 1000; i++) {
        if ((inb(MSR) & (RQM | TO_CPU)) == (RQM | direction))
            return true;
        delay_us(10);
        let_irqs_in();
    }
    return false;
}

static bool send(const u8 *bytes, u8 n)
{
    while (n--) {
        if (!ready_for(0))
            return false;
        outb(FIFO, *bytes++);
    }
    return true;
}

/* The result of a command, as long as there is one, at 40:42. */
static u8 take_result(void)
{
    u8 n = 0;

    while (n < 7 && ready_for(TO_CPU)) {
        BDA->fd_result[n++] = inb(FIFO);
        delay_us(15);
        if (!(inb(MSR) & BUSY))
            break;
    }
    return n;
}

static void reset(void)
{
    static const u8 sense[] = {SENSE}, specify[] = {SPECIFY, 0xaf, 0x02};
    u8 dor = (u8)((BDA->fd_motor & 3) << 4 | 0x08);

    BDA->fd_calibrated &= (u8)~IRQ_SEEN;
    outb(DOR, dor);
    delay_us(10);
    outb(DOR, dor | 4);
    wait_interrupt();
    for (unsigned i = 0; i < 4; i++) {
        send(sense, 1);
        take_result();
    }
    send(specify, 3);
    BDA->fd_calibrated &= 0xf0;
}

static void motor_on(u8 drive)
{
    BDA->fd_timeout = 0xff; /* not while it is used */
    BDA->fd_motor = (u8)((BDA->fd_motor & 0x0f) | 1 << drive);
    outb(DOR, (u8)((BDA->fd_motor & 3) << 4 | 0x0c | drive));
}

/* INT 08: switches motors off after a while. */
void floppy_tick(void)
{
    if (BDA->fd_timeout && !--BDA->fd_timeout) {
        BDA->fd_motor &= 0xf0;
        outb(DOR, 0x0c);
    }
}

static bool seek_done(u8 drive)
{
    static const u8 sense[] = {SENSE};

    if (!wait_interrupt() || !send(sense, 1) || take_result() < 2)
        return false;
    return (BDA->fd_result[0] & 0xe3) == (0x20 | drive);
}

static u8 recalibrate(u8 drive)
{
    const u8 command[] = {RECALIBRATE, drive};

    for (unsigned tries = 0; tries < 2; tries++) { /* one takes 77 steps at most */
        BDA->fd_calibrated &= (u8)~IRQ_SEEN;
        if (send(command, 2) && seek_done(drive)) {
            BDA->fd_calibrated |= (u8)(1 << drive);
            BDA->fd_track[drive] = 0;
            return DISK_OK;
        }
    }
    return DISK_SEEK;
}

static u8 seek(u8 drive, u8 head, u8 cylinder)
{
    u8 at = BDA->fd_media[drive] & DOUBLE_STEP ? cylinder * 2 : cylinder;
    const u8 command[] = {SEEK, (u8)(head << 2 | drive), at};

    if (!(BDA->fd_calibrated & 1 << drive) && recalibrate(drive))
        return DISK_SEEK;
    if (BDA->fd_track[drive] == at)
        return DISK_OK;
    BDA->fd_calibrated &= (u8)~IRQ_SEEN;
    if (!send(command, 3) || !seek_done(drive))
        return DISK_SEEK;
    BDA->fd_track[drive] = at;
    return DISK_OK;
}

/* ---- media ---- */

/* Sets the address of a transfer; a DMA page is 64 KiB. */
enum dma { DMA_VERIFY = 0x42, DMA_TO_MEMORY = 0x46, DMA_FROM_MEMORY = 0x4a };

static bool dma_setup(u32 at, u32 bytes, enum dma mode)
{
    u32 last = at + bytes - 1;

    if (at >> 16 != last >> 16 && mode != DMA_VERIFY)
        return false;
    outb(0x0a, 6);
    outb(0x0c, 0);
    outb(0x0b, mode);
    outb(0x04, (u8)at);
    outb(0x04, (u8)(at >> 8));
    outb(0x81, (u8)(at >> 16));
    outb(0x05, (u8)(bytes - 1));
    outb(0x05, (u8)((bytes - 1) >> 8));
    outb(0x0a, 2);
    return true;
}

static u8 status_of_result(void)
{
    u8 st0 = BDA->fd_result[0], st1 = BDA->fd_result[1];

    if (!(st0 & 0xc0))
        return DISK_OK;
    if (st1 & 0x04 || st1 & 0x80)
        return DISK_NO_SECTOR;
    if (st1 & 0x20)
        return DISK_BAD_CRC;
    if (st1 & 0x02)
        return DISK_WRITE_PROTECTED;
    if (st1 & 0x01)
        return DISK_NO_ADDRESS_MARK;
    return st1 & 0x10 ? 0x08 : DISK_CONTROLLER; /* overrun */
}

static u8 command(const u8 *bytes, u8 n)
{
    BDA->fd_calibrated &= (u8)~IRQ_SEEN;
    if (!send(bytes, n))
        return DISK_CONTROLLER;
    if (!wait_interrupt()) {
        reset();
        return DISK_TIMEOUT;
    }
    return take_result() < 7 ? DISK_CONTROLLER : status_of_result();
}

static void set_rate(u8 rate)
{
    outb(RATE, rate);
    BDA->fd_rate = (u8)(rate << RATE_SHIFT | (BDA->fd_rate & 0x3f));
}

/* Which rate sector headers are read with; a 40-track medium in an 80-track drive needs two steps a
 * track. */
static u8 find_rate(u8 drive)
{
    const struct type *t = &types[drive_type(drive)];
    const u8 read_id[] = {READ_ID, drive};
    u8 status = DISK_TIMEOUT;

    if (recalibrate(drive))
        return DISK_TIMEOUT;
    for (u8 i = 0; i < t->tries; i++) {
        set_rate(t->rates[i]);
        status = command(read_id, 2);
        if (status == DISK_OK) {
            bool forty = t->rates[i] == 1;
            BDA->fd_media[drive] =
                (u8)(t->rates[i] << RATE_SHIFT | ESTABLISHED | (forty ? DOUBLE_STEP | 4 : 7));
            return DISK_OK;
        }
        if (status == DISK_TIMEOUT)
            return status;
    }
    return status;
}

static bool change_line(void)
{
    return inb(CHANGE) & 0x80;
}

/* The change line goes off when the head moves while there is a medium. */
static bool clear_change(u8 drive)
{
    BDA->fd_media[drive] &= (u8)~ESTABLISHED;
    recalibrate(drive);
    seek(drive, 0, 1);
    seek(drive, 0, 0);
    return !change_line();
}

/* Makes a drive ready: motor, medium, rate. */
static u8 prepare(u8 drive)
{
    bool known = BDA->fd_media[drive] & ESTABLISHED;

    motor_on(drive);
    if (change_line()) {
        if (!clear_change(drive))
            return DISK_TIMEOUT; /* no medium */
        if (known)
            return DISK_CHANGED;
        known = false;
    }
    if (!known)
        return find_rate(drive);
    set_rate(BDA->fd_media[drive] >> RATE_SHIFT);
    return DISK_OK;
}

static void finish(struct regs *r, u8 status)
{
    BDA->fd_timeout = MOTOR_TICKS;
    BDA->fd_status = status;
    r->ah = status;
    set_flag(r, FLAG_CF, status);
}

/* ---- services ---- */

/* Sectors of a track: what INT 1Eh says, if a program has changed it to what fits on a track, else
 * what the medium usually has. MS-DOS writes the last sector of its whole request there, up to 255.
 */
static u8 sectors_per_track(u8 drive)
{
    static const struct {
        u8 usual, most;
    } by_rate[] = {{18, 24}, {9, 12}, {9, 12}, {36, 48}};
    u8 told = table(4), rate = BDA->fd_media[drive] >> RATE_SHIFT, type = drive_type(drive);

    if (told && told != DEFAULT_SPT && told <= by_rate[rate].most)
        return told;
    return type == 2 && rate == 0 ? types[2].spt : by_rate[rate].usual;
}

/* A part of a transfer: one cylinder's sectors, where the controller goes from head 0 to head 1. */
static u8 transfer_some(u8 drive, enum dma mode, u8 cylinder, u8 head, u8 sector, u8 count, u8 last,
                        u32 at)
{
    const u8 what = mode == DMA_FROM_MEMORY ? WRITE : READ;
    const u8 bytes[] = {what, (u8)(head << 2 | drive), cylinder, head, sector, 2, last, table(5),
                        0xff};
    u8 status;

    if (!dma_setup(at, count * 512u, mode))
        return DISK_DMA_BOUNDARY;
    status = seek(drive, head, cylinder);
    return status ? status : command(bytes, sizeof(bytes));
}

/* Transfers may go on at the next cylinder, which old BIOSes refuse and programs for emulators do.
 */
static u8 transfer(struct regs *r, u8 drive, enum dma mode)
{
    u8 status = prepare(drive), cylinder = r->ch, head = r->dh, sector = r->cl & 0x3f, left = r->al;
    u32 at = linear(r->es, r->bx);

    while (!status && left) {
        u16 spt = sectors_per_track(drive), last = sector > spt ? sector + left - 1 : spt;
        u16 room = last - sector + 1 + (head ? 0 : last);
        u8 some = left < room ? left : (u8)room;
        status = transfer_some(drive, mode, cylinder, head, sector, some,
                               last > 255 ? 255 : (u8)last, at);
        at += some * 512u;
        left -= some;
        cylinder++;
        head = 0;
        sector = 1;
    }
    return status;
}

static void read_write(struct regs *r, u8 drive)
{
    static const u8 modes[] = {DMA_TO_MEMORY, DMA_FROM_MEMORY, DMA_VERIFY};
    u8 status;

    if (!r->al || !(r->cl & 0x3f) || r->dh > 1) {
        r->al = 0;
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    status = transfer(r, drive, modes[r->ah - 2]);
    if (status)
        r->al = 0;
    finish(r, status);
}

/* The caller's table: four bytes for each sector, its header. */
static void format(struct regs *r, u8 drive)
{
    const u8 bytes[] = {FORMAT, (u8)(r->dh << 2 | drive), 2, r->al, table(7), table(8)};
    u8 status;

    motor_on(drive);
    if (change_line() && !clear_change(drive)) {
        finish(r, DISK_TIMEOUT);
        return;
    }
    if (!(BDA->fd_media[drive] & ESTABLISHED))
        BDA->fd_media[drive] =
            (u8)(types[drive_type(drive)].rates[0] << RATE_SHIFT | ESTABLISHED | 7);
    set_rate(BDA->fd_media[drive] >> RATE_SHIFT);
    if (!dma_setup(linear(r->es, r->bx), r->al * 4u, DMA_FROM_MEMORY)) {
        finish(r, DISK_DMA_BOUNDARY);
        return;
    }
    status = seek(drive, r->dh, r->ch);
    finish(r, status ? status : command(bytes, sizeof(bytes)));
}

static void parameters(struct regs *r, u8 drive)
{
    u8 type = drive_type(drive);

    r->ax = 0;
    r->bx = type;
    r->cx = 0;
    r->dh = 0;
    r->dl = (u8)(floppy_count() + cdrom_hides_floppy());
    r->es = CODE_SEG;
    r->di = (u16)(u32)diskette_table;
    if (type) {
        r->ch = types[type].cylinders - 1;
        r->cl = types[type].spt;
        r->dh = 1;
    }
    finish(r, DISK_OK);
}

static bool can_do(u8 drive, u8 rate)
{
    const struct type *t = &types[drive_type(drive)];

    for (u8 i = 0; i < t->tries; i++)
        if (t->rates[i] == rate)
            return true;
    return false;
}

static void media_type(struct regs *r, u8 drive)
{
    static const struct {
        u8 cylinders, spt, rate;
    } media[] = {{79, 18, 0}, {79, 15, 0}, {79, 9, 2}, {39, 9, 1}, {79, 36, 3}};

    for (unsigned i = 0; i < ARRAY_LEN(media); i++)
        if (r->ch == media[i].cylinders && (r->cl & 0x3f) == media[i].spt &&
            can_do(drive, media[i].rate)) {
            BDA->fd_media[drive] = (u8)(media[i].rate << RATE_SHIFT | ESTABLISHED |
                                        (media[i].rate == 1 ? DOUBLE_STEP | 4 : 7));
            r->es = CODE_SEG;
            r->di = (u16)(u32)diskette_table;
            finish(r, DISK_OK);
            return;
        }
    finish(r, DISK_BAD_MEDIUM);
}

static void service(struct regs *r, u8 drive)
{
    switch (r->ah) {
    case 0x02:
    case 0x03:
    case 0x04: read_write(r, drive); break;
    case 0x05: format(r, drive); break;
    case 0x15:
        finish(r, DISK_OK);
        r->ah = 2; /* a drive with a change line */
        break;
    case 0x16:
        motor_on(drive);
        finish(r, change_line() ? DISK_CHANGED : DISK_OK);
        break;
    case 0x17: /* the type that DOS means to format: 18h is what it uses since 3.3 */
        BDA->fd_media[drive] &= (u8)~ESTABLISHED;
        finish(r, DISK_OK);
        break;
    case 0x18: media_type(r, drive); break;
    default: finish(r, DISK_BAD_COMMAND); break;
    }
}

void floppy_service(struct regs *r)
{
    u8 drive = (u8)(r->dl - cdrom_hides_floppy());

    if (r->ah == 0x00) {
        if (floppy_count())
            reset();
        finish(r, DISK_OK);
    } else if (r->ah == 0x01) {
        r->ah = BDA->fd_status;
        set_flag(r, FLAG_CF, r->ah);
    } else if (r->ah == 0x08 && drive < 2) {
        parameters(r, drive);
    } else if (drive_type(drive)) {
        service(r, drive);
    } else if (r->ah == 0x15) {
        r->ah = 0; /* no such drive */
        set_flag(r, FLAG_CF, false);
    } else {
        finish(r, r->ah >= 2 && r->ah <= 5 ? DISK_TIMEOUT : DISK_BAD_COMMAND);
    }
}

void int40(struct regs *r)
{
    let_irqs_in();
    floppy_service(r);
}

void floppy_init(void)
{
    u8 n = floppy_count();

    if (n) {
        BDA->equipment |= (u16)(1 | (n - 1) << 6);
        BDA->fd_info = n > 1 ? 0x77 : 0x07;
    }
    if (inb(MSR) != 0xff) /* drivers may expect it to answer even if there is no drive */
        reset();
}
