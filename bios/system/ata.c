/* IDE drives at the four legacy places, by programmed I/O (ATA/ATAPI-6). A drive is found by its
 * signature after a software reset. */
#include "bios/system/drive.h"
#include "bios/system/services.h"

enum { DATA, ERROR, COUNT, LBA0, LBA1, LBA2, DEVICE, COMMAND };
enum { BSY = 0x80, DRDY = 0x40, DF = 0x20, DRQ = 8, ERR = 1 };
enum { NO_INTERRUPTS = 2, SOFT_RESET = 4 };
#define SECTOR     512
#define LONGEST_US 10000000u /* that a drive may take */

struct drive disks[MAX_DISKS], cds[MAX_CDS];
u8 disk_count, cd_count;

/* Waits until BSY is off and the bits of mask have the given value, or there is an error; the
 * status, 0xff after too long a time. It looks often at first. */
static u8 wait_for(const struct drive *d, u8 mask, u8 value)
{
    u32 step = 1;

    for (u32 us = 0; us < LONGEST_US; us += step) {
        u8 status = inb(d->control);
        let_irqs_in();
        if (!(status & BSY) && ((status & mask) == value || status & (ERR | DF)))
            return status;
        delay_us(step);
        if (step < 1000)
            step *= 2;
    }
    return 0xff;
}

static bool failed(u8 status)
{
    return status & (ERR | DF | BSY);
}

static void select(const struct drive *d, u8 bits)
{
    outb(d->base + DEVICE, (u8)(0xa0 | (d->slave ? 0x10 : 0) | bits));
    for (unsigned i = 0; i < 4; i++)
        inb(d->control); /* 400 ns */
}

static u8 error_of(const struct drive *d, u8 status)
{
    u8 error;

    if (status == 0xff)
        return DISK_TIMEOUT;
    if (status & DF)
        return DISK_CONTROLLER;
    error = inb(d->base + ERROR);
    if (error & 0x10)
        return DISK_NO_SECTOR;
    if (error & 0x40)
        return DISK_BAD_CRC;
    return error & 4 ? DISK_BAD_COMMAND : DISK_CONTROLLER;
}

/* ---- disks ---- */

static void set_address(const struct drive *d, u32 lba, u16 count, bool ext)
{
    if (ext) {
        outb(d->base + COUNT, HIGH8(count));
        outb(d->base + LBA0, (u8)(lba >> 24));
        outb(d->base + LBA1, 0);
        outb(d->base + LBA2, 0);
    }
    outb(d->base + COUNT, LOW8(count));
    outb(d->base + LBA0, (u8)lba);
    outb(d->base + LBA1, (u8)(lba >> 8));
    outb(d->base + LBA2, (u8)(lba >> 16));
}

static u8 transfer_some(const struct drive *d, enum disk_action action, u32 lba, u16 count, u32 at)
{
    static const u8 commands[3][2] = {{0x20, 0x24}, {0x30, 0x34}, {0x40, 0x42}};
    bool ext = lba + count > 0x10000000;
    u8 status = wait_for(d, DRQ, 0);

    if (status == 0xff)
        return DISK_TIMEOUT;
    select(d, (u8)(0x40 | (ext ? 0 : lba >> 24)));
    status = wait_for(d, DRDY | DRQ, DRDY);
    if (status == 0xff)
        return DISK_TIMEOUT;
    set_address(d, lba, count, ext);
    outb(d->base + COMMAND, commands[action][ext]);
    while (action != DISK_VERIFY && count) {
        status = wait_for(d, DRQ, DRQ);
        if (failed(status) || !(status & DRQ))
            return error_of(d, status);
        if (action == DISK_READ)
            port_in16(d->base, at, SECTOR / 2);
        else
            port_out16(d->base, at, SECTOR / 2);
        at += SECTOR;
        count--;
    }
    status = wait_for(d, DRQ, 0);
    return failed(status) ? error_of(d, status) : DISK_OK;
}

u8 ata_transfer(const struct drive *d, enum disk_action action, u32 lba, u16 count, u32 at)
{
    u8 status = DISK_OK;

    if (lba >= d->sectors || count > d->sectors - lba)
        return DISK_NO_SECTOR;
    outb(d->control, NO_INTERRUPTS);
    while (count && status == DISK_OK) {
        u16 some = count > 128 ? 128 : count;
        status = transfer_some(d, action, lba, some, at);
        lba += some;
        count -= some;
        at += (u32)some * SECTOR;
    }
    inb(d->base + COMMAND);
    outb(d->control, 0);
    return status;
}

/* ---- packets ---- */

/* Throws away words that nobody wants. */
static void drain(const struct drive *d, u16 words)
{
    while (words--)
        inw(d->base);
}

u8 atapi_packet(const struct drive *d, const u8 packet[12], u32 at, u16 skip, u32 len, u8 *sense)
{
    u8 status;

    *sense = 0;
    outb(d->control, NO_INTERRUPTS);
    select(d, 0);
    if (wait_for(d, DRQ, 0) == 0xff)
        return DISK_TIMEOUT;
    outb(d->base + ERROR, 0);
    outb(d->base + LBA1, 0);
    outb(d->base + LBA2, 0xf8); /* at most so many bytes at a time */
    outb(d->base + COMMAND, 0xa0);
    status = wait_for(d, DRQ, DRQ);
    if (failed(status) || !(status & DRQ))
        return error_of(d, status);
    port_out16(d->base, linear(DATA_SEG, (u16)(u32)packet), 6);
    for (;;) {
        u32 n, take;
        status = wait_for(d, 0, 0);
        if (status == 0xff || !(status & DRQ))
            break;
        n = (u32)inb(d->base + LBA1) | (u32)inb(d->base + LBA2) << 8;
        take = n < skip ? n : skip;
        drain(d, (u16)(take / 2));
        skip -= (u16)take;
        n -= take;
        take = n < len ? n : len;
        port_in16(d->base, at, (u16)(take / 2));
        at += take;
        len -= take;
        drain(d, (u16)((n - take) / 2));
    }
    inb(d->base + COMMAND);
    outb(d->control, 0);
    if (!failed(status))
        return DISK_OK;
    *sense = inb(d->base + ERROR) >> 4;
    return *sense == 2 ? DISK_NOT_READY : *sense == 6 ? DISK_CHANGED : DISK_CONTROLLER;
}

u8 atapi_read(const struct drive *d, u32 lba, u16 count, u32 at)
{
    u8 status = DISK_OK;

    while (count && status == DISK_OK) {
        u16 some = count > 16 ? 16 : count;
        u8 sense;
        const u8 packet[12] = {0x28, 0, (u8)(lba >> 24), (u8)(lba >> 16), (u8)(lba >> 8), (u8)lba,
                               0,    0, (u8)some};
        status = atapi_packet(d, packet, at, 0, (u32)some * 2048, &sense);
        if (status == DISK_CHANGED)
            status = atapi_packet(d, packet, at, 0, (u32)some * 2048, &sense);
        lba += some;
        count -= some;
        at += (u32)some * 2048;
    }
    return status;
}

bool atapi_ready(const struct drive *d)
{
    static const u8 test[12] = {0};
    u8 sense;

    for (unsigned i = 0; i < 100; i++) {
        u8 status = atapi_packet(d, test, 0, 0, 0, &sense);
        if (status == DISK_OK)
            return true;
        if (status == DISK_NOT_READY || status == DISK_TIMEOUT)
            return false; /* no disc */
        delay_us(1000);
        let_irqs_in();
    }
    return false;
}

/* ---- finding them ---- */

static void read_model(struct drive *d, const u16 *id)
{
    unsigned n = 40;

    for (unsigned i = 0; i < 20; i++) {
        d->model[2 * i] = (char)(id[27 + i] >> 8);
        d->model[2 * i + 1] = (char)id[27 + i];
    }
    while (n && d->model[n - 1] == ' ')
        n--;
    d->model[n] = 0;
}

/* What the partition table was made for: where the first partition ends. */
static bool guess_geometry(struct drive *d)
{
    static u8 sector[SECTOR];

    if (ata_transfer(d, DISK_READ, 0, 1, linear(DATA_SEG, (u16)(u32)sector)) ||
        sector[510] != 0x55 || sector[511] != 0xaa)
        return false;
    for (const u8 *p = sector + 446; p < sector + 510; p += 16) {
        u16 heads = p[5] + 1, spt = p[6] & 63;
        u32 size = (u32)(p[12] | p[13] << 8 | p[14] << 16) | (u32)p[15] << 24;
        if (!size || !p[5] || !spt || (p[0] & 0x7f) || heads > 255)
            continue;
        d->heads = heads;
        d->spt = spt;
        return d->sectors / (heads * spt) > 0;
    }
    return false;
}

/* "LBA-assisted" translation, as usual: the least number of 16, 32, 64, 128, 255 heads that leaves
 * 1024 cylinders. */
static void set_geometry(struct drive *d)
{
    u32 cylinders;

    if (!guess_geometry(d)) {
        d->heads = d->pheads;
        d->spt = d->pspt;
        if (d->pcylinders > 1024) {
            d->spt = 63;
            cylinders = d->sectors / 63 / 1024; /* of one head */
            for (d->heads = 16; d->heads < cylinders && d->heads < 128;)
                d->heads *= 2;
            if (cylinders > 128)
                d->heads = 255;
        }
    }
    cylinders = d->sectors / ((u32)d->heads * d->spt);
    d->cylinders = (u16)(cylinders > 1024 ? 1024 : cylinders ? cylinders : 1);
}

static void add_disk(struct drive *d, const u16 *id)
{
    d->pcylinders = id[1];
    d->pheads = id[3] ? id[3] : 16;
    d->pspt = id[6] ? id[6] : 63;
    d->sectors = id[60] | (u32)id[61] << 16;
    d->lba48 = id[83] & 0x400;
    if (d->lba48 && (id[102] || id[103]))
        d->sectors = 0xffffffff;
    else if (d->lba48)
        d->sectors = id[100] | (u32)id[101] << 16;
    if (!d->sectors)
        d->sectors = (u32)d->pcylinders * d->pheads * d->pspt;
    set_geometry(d);
    disks[disk_count++] = *d;
}

static bool identify(struct drive *d, u8 command, u16 id[256])
{
    u8 status;

    select(d, 0);
    outb(d->base + COMMAND, command);
    delay_us(15);
    if (inb(d->control) == 0)
        return false; /* nobody there: the other drive answers for it */
    status = wait_for(d, DRQ, DRQ);
    if (failed(status) || !(status & DRQ))
        return false;
    port_in16(d->base, linear(DATA_SEG, (u16)(u32)id), 256);
    inb(d->base + COMMAND);
    return true;
}

/* After a reset each drive shows by its signature what it is. */
static void probe(struct drive *d)
{
    static u16 id[256];
    u16 signature;

    select(d, 0);
    outb(d->base + LBA0, 0x55);
    if (inb(d->base + LBA0) != 0x55)
        return;
    signature = (u16)(inb(d->base + LBA1) | inb(d->base + LBA2) << 8);
    if (signature == 0 && identify(d, 0xec, id)) {
        d->kind = DRIVE_ATA;
        read_model(d, id);
        add_disk(d, id);
    } else if (signature == 0xeb14 && identify(d, 0xa1, id) && (id[0] >> 8 & 0x1f) == 5) {
        d->kind = DRIVE_ATAPI;
        read_model(d, id);
        cds[cd_count++] = *d;
    }
}

static void reset_channel(const struct drive *d)
{
    outb(d->control, NO_INTERRUPTS | SOFT_RESET);
    delay_us(5);
    outb(d->control, NO_INTERRUPTS);
    delay_us(2000);
    if (inb(d->control) != 0xff && inb(d->control) != 0x7f)
        wait_for(d, 0, 0);
}

void ata_init(void)
{
    static const u16 ports[] = {0x1f0, 0x170};
    static struct drive d;

    for (unsigned n = 0; n < 4; n++) {
        memset(&d, 0, sizeof(d));
        d.base = ports[n / 2];
        d.control = d.base + 0x206;
        d.slave = n & 1;
        if (!d.slave)
            reset_channel(&d);
        probe(&d);
        if (d.slave)
            outb(d.control, 0); /* drivers rely on finding interrupts on */
    }
    BDA->hd_count = disk_count;
}

/* IRQ 14 and 15: only seen when somebody has switched them on. */
void irq14(struct regs *r)
{
    (void)r;
    BDA->hd_done = 0xff;
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
}
