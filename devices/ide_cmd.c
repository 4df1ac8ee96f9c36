/* The commands of an ATA disk and those of a CD-ROM drive, two tables by command code. ATA/ATAPI-6
 * chapter 8; the older forms of ATA-1 to ATA-3 where drivers still use them.
 *
 * A command finds its parameters in the drive's registers and ends in ide_done(), ide_fail() or one
 * of the data states. Addresses are checked as a whole before anything moves, so no transfer runs
 * off the end of the disk. */
#include "devices/ide.h"

#include "base/bytes.h"

enum { C_EXT = 1, C_WRITE = 2, C_MULTIPLE = 4 };

struct command {
    void (*start)(struct ide_channel *ch, struct ide_drive *d);
    u8 flags;
};
static const struct command disk_commands[256], cd_commands[256];

static const struct command *command_of(const struct ide_channel *ch)
{
    return (ch->drive[ch->active].packet ? cd_commands : disk_commands) + ch->command;
}

static u8 flags_of(const struct ide_channel *ch)
{
    return command_of(ch)->flags;
}

bool ide_is_write(const struct ide_channel *ch)
{
    return ide_is_packet(ch) ? ch->drive[ch->active].cd.out : flags_of(ch) & C_WRITE;
}

/* ---- addresses ---- */

static u32 lba24(const u8 *reg)
{
    return (u32)load_le(&reg[R_LBA0], 3);
}

/* Cylinder, head and sector to a sector number, in the current geometry. */
static bool chs_to_lba(const struct ide_drive *d, u64 *lba)
{
    u32 cylinder = (u32)load_le(&d->reg[R_LBA1], 2), head = d->reg[R_DEVICE] & 15;
    u32 sector = d->reg[R_LBA0];

    if (head >= d->geo_heads || !sector || sector > d->geo_sectors)
        return false;
    *lba = ((u64)cylinder * d->geo_heads + head) * d->geo_sectors + sector - 1;
    return true;
}

/* Sets ch->lba and ch->left from the registers. False if any of it is not on the disk. */
static bool take_address(struct ide_channel *ch, struct ide_drive *d)
{
    if (flags_of(ch) & C_EXT) {
        ch->lba = lba24(d->reg) | (u64)lba24(d->hob) << 24;
        ch->left = d->reg[R_COUNT] | (u32)d->hob[R_COUNT] << 8;
        ch->left = ch->left ? ch->left : 65536;
    } else {
        ch->left = d->reg[R_COUNT] ? d->reg[R_COUNT] : 256;
        if (d->reg[R_DEVICE] & ATA_LBA)
            ch->lba = lba24(d->reg) | (d->reg[R_DEVICE] & 15u) << 24;
        else if (!chs_to_lba(d, &ch->lba))
            ch->lba = UINT64_MAX;
    }
    return ch->lba < d->sectors && ch->left <= d->sectors - ch->lba;
}

static void show_chs(struct ide_drive *d, u64 lba)
{
    u32 track = (u32)(lba / d->geo_sectors);

    d->reg[R_LBA0] = (u8)(lba % d->geo_sectors + 1);
    store_le(&d->reg[R_LBA1], 2, track / d->geo_heads);
    d->reg[R_DEVICE] = (u8)((d->reg[R_DEVICE] & 0xf0) | track % d->geo_heads);
}

void ide_show_address(struct ide_channel *ch)
{
    struct ide_drive *d = &ch->drive[ch->active];

    if (flags_of(ch) & C_EXT) {
        store_le(&d->reg[R_LBA0], 3, ch->lba);
        store_le(&d->hob[R_LBA0], 3, ch->lba >> 24);
    } else if (d->reg[R_DEVICE] & ATA_LBA) {
        store_le(&d->reg[R_LBA0], 3, ch->lba);
        d->reg[R_DEVICE] = (u8)((d->reg[R_DEVICE] & 0xf0) | (ch->lba >> 24 & 15));
    } else {
        show_chs(d, ch->lba);
    }
}

/* ---- reading and writing ---- */

/* Sectors in the next block. */
static u32 block_sectors(const struct ide_channel *ch)
{
    u32 most = flags_of(ch) & C_MULTIPLE ? ch->drive[ch->active].multiple : 1;
    return ch->left < most ? ch->left : most;
}

/* Common beginning: false if the command has ended with an error. */
static bool begin_transfer(struct ide_channel *ch, struct ide_drive *d)
{
    if (flags_of(ch) & C_MULTIPLE && !d->multiple) {
        ide_fail(ch, ATA_ABRT);
        return false;
    }
    if (!take_address(ch, d)) {
        ch->left = 0;
        ide_fail(ch, ATA_IDNF);
        return false;
    }
    d->standby = false;
    return true;
}

void ide_fetch(struct ide_channel *ch)
{
    u32 n = block_sectors(ch);

    if (!blk_read(ch->drive[ch->active].blk, ch->lba, ch->buf, n)) {
        ide_show_address(ch);
        ide_fail(ch, ATA_UNC);
        return;
    }
    ch->lba += n;
    ch->left -= n;
    ide_data_in(ch, n * BLK_SECTOR);
}

static void start_read(struct ide_channel *ch, struct ide_drive *d)
{
    if (begin_transfer(ch, d))
        ide_fetch(ch);
}

static void start_write(struct ide_channel *ch, struct ide_drive *d)
{
    if (begin_transfer(ch, d))
        ide_data_out(ch, block_sectors(ch) * BLK_SECTOR);
}

void ide_store(struct ide_channel *ch)
{
    struct ide_drive *d = &ch->drive[ch->active];
    u32 n = ch->end / BLK_SECTOR;

    if (!blk_write(d->blk, ch->lba, ch->buf, n)) {
        ide_show_address(ch);
        ide_device_fault(ch);
        return;
    }
    ch->lba += n;
    ch->left -= n;
    if (!ch->left) {
        ide_done(ch);
        return;
    }
    ide_data_out(ch, block_sectors(ch) * BLK_SECTOR);
    ide_set_intrq(ch, d, true);
}

static void start_dma(struct ide_channel *ch, struct ide_drive *d)
{
    if (!begin_transfer(ch, d))
        return;
    ch->phase = IDE_DMA_WAIT;
    d->status = ATA_IDLE | ATA_DRQ;
    ide_dma_begin(ch);
}

/* READ VERIFY and SEEK move no data: what counts is that the place exists. */
static void start_verify(struct ide_channel *ch, struct ide_drive *d)
{
    if (!begin_transfer(ch, d))
        return;
    ch->left = 0;
    ide_done(ch);
}

static void start_seek(struct ide_channel *ch, struct ide_drive *d)
{
    bool found = take_address(ch, d) || ch->lba < d->sectors; /* the count says nothing here */

    ch->left = 0;
    if (found)
        ide_done(ch);
    else
        ide_fail(ch, ATA_IDNF);
}

/* ---- identification ---- */

static void put16(u8 *id, unsigned word, u32 value)
{
    store_le(id + 2 * word, 2, value);
}

/* Text with the bytes of each word swapped, padded with blanks. */
static void put_text(u8 *id, unsigned word, unsigned words, const char *text)
{
    for (unsigned i = 0; i < 2 * words; i++)
        id[2 * word + (i ^ 1)] = *text ? (u8)*text++ : ' ';
}

/* What never changes, by word. Bits of words 82-87: NOP, look-ahead, write cache, power management;
 * FLUSH CACHE and its EXT form, 48-bit addresses. */
static const struct {
    u8 word;
    u16 value;
} identify_fixed[] = {
    {0, 0x0040},  {3, 16},      {4, 63 * 512},
    {5, 512},     {6, 63},      {20, 3},
    {21, 512},    {22, 4},      {47, 0x8000 | IDE_BLOCK},
    {48, 1},      {49, 0x0f00}, {50, 0x4000},
    {51, 0x0200}, {52, 0x0200}, {53, 7},
    {64, 3},      {65, 120},    {66, 120},
    {67, 120},    {68, 120},    {80, 0x007e},
    {82, 0x4068}, {83, 0x7400}, {84, 0x4000},
    {86, 0x3400}, {87, 0x4000},
};

static void identify_geometry(const struct ide_drive *d, u8 *id)
{
    u64 chs = (u64)d->geo_cylinders * d->geo_heads * d->geo_sectors;
    u64 lba28 = d->sectors < 0x0fffffff ? d->sectors : 0x0fffffff;

    put16(id, 1, d->cylinders);
    put16(id, 54, d->geo_cylinders);
    put16(id, 55, d->geo_heads);
    put16(id, 56, d->geo_sectors);
    store_le(id + 2 * 57, 4, chs < d->sectors ? chs : d->sectors);
    store_le(id + 2 * 60, 4, lba28);
    store_le(id + 2 * 100, 8, d->sectors);
}

/* Words 63 and 88: modes 0-2 and 0-5 there are, and which one is set. */
static void identify_modes(const struct ide_drive *d, u8 *id)
{
    unsigned kind = d->transfer >> 3, mode = d->transfer & 7;

    put16(id, 63, 0x0007 | (kind == 4 ? 0x100u << mode : 0));
    put16(id, 88, 0x003f | (kind == 8 ? 0x100u << mode : 0));
}

/* What disks and CD-ROM drives have alike: names, modes, cable, checksum. */
static void finish_identify(struct ide_channel *ch, struct ide_drive *d, const char *model)
{
    u8 *id = ch->buf, sum = 0;
    char serial[21];

    identify_modes(d, id);
    snprintf(serial, sizeof(serial), "OR%05u", 2u * (ch->irq.n == 15) + d->number + 1);
    put_text(id, 10, 10, serial);
    put_text(id, 23, 4, "1.0");
    put_text(id, 27, 20, model);
    put16(id, 93, d->number ? 0x6b00 : 0x600b); /* 80-wire cable, diagnostics passed */
    id[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++)
        sum += id[i];
    id[511] = (u8)-sum;
    ide_data_in(ch, BLK_SECTOR);
}

static void start_identify(struct ide_channel *ch, struct ide_drive *d)
{
    u8 *id = ch->buf;

    memset(id, 0, BLK_SECTOR);
    for (size_t i = 0; i < ARRAY_LEN(identify_fixed); i++)
        put16(id, identify_fixed[i].word, identify_fixed[i].value);
    identify_geometry(d, id);
    put16(id, 59, d->multiple ? 0x100u | d->multiple : 0);
    put16(id, 85, 0x4008 | (d->write_cache ? 0x20 : 0) | (d->look_ahead ? 0x40 : 0));
    finish_identify(ch, d, "ORRERY HARDDISK");
}

/* Of a CD-ROM drive. Word 0: removable, packets of 12 bytes, DRQ within 50 us and without an
 * interrupt; words 82 and 85: NOP, DEVICE RESET, packets, power management. */
static void start_identify_packet(struct ide_channel *ch, struct ide_drive *d)
{
    static const struct {
        u8 word;
        u16 value;
    } fixed[] = {
        {0, 0x85c0},  {49, 0x0f00}, {50, 0x4000}, {51, 0x0200}, {52, 0x0200}, {53, 6},
        {64, 3},      {65, 120},    {66, 120},    {67, 120},    {68, 120},    {80, 0x007e},
        {82, 0x4218}, {83, 0x4000}, {84, 0x4000}, {85, 0x4218}, {87, 0x4000},
    };

    memset(ch->buf, 0, BLK_SECTOR);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        put16(ch->buf, fixed[i].word, fixed[i].value);
    finish_identify(ch, d, "ORRERY CD-ROM");
}

/* What tells a CD-ROM drive from a disk to a driver that takes it for one. */
static void start_signature(struct ide_channel *ch, struct ide_drive *d)
{
    ide_signature(d);
    ide_fail(ch, ATA_ABRT);
}

/* ---- settings ---- */

static void start_set_multiple(struct ide_channel *ch, struct ide_drive *d)
{
    u8 n = d->reg[R_COUNT];

    if (n > IDE_BLOCK || (n & (n - 1))) {
        d->multiple = 0;
        ide_fail(ch, ATA_ABRT);
        return;
    }
    d->multiple = n;
    ide_done(ch);
}

static void start_set_geometry(struct ide_channel *ch, struct ide_drive *d)
{
    u16 heads = (u16)((d->reg[R_DEVICE] & 15) + 1), sectors = d->reg[R_COUNT];
    u64 cylinders;

    if (!sectors) {
        ide_fail(ch, ATA_ABRT);
        return;
    }
    cylinders = d->sectors / ((u32)heads * sectors);
    d->geo_heads = heads;
    d->geo_sectors = sectors;
    d->geo_cylinders = (u16)(cylinders > 65535 ? 65535 : cylinders);
    ide_done(ch);
}

/* PIO default, PIO 0-4, multiword DMA 0-2, Ultra DMA 0-5. */
static bool transfer_mode_ok(u8 mode)
{
    static const struct {
        u8 first, last;
    } modes[] = {{0x00, 0x01}, {0x08, 0x0c}, {0x20, 0x22}, {0x40, 0x45}};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (mode >= modes[i].first && mode <= modes[i].last)
            return true;
    }
    return false;
}

static bool set_feature(struct ide_drive *d)
{
    u8 feature = d->reg[R_FEATURE];

    switch (feature) {
    case 0x02: /* write cache */
    case 0x82: d->write_cache = feature == 0x02; return true;
    case 0xaa: /* look-ahead */
    case 0x55: d->look_ahead = feature == 0xaa; return true;
    case 0x66: /* keep, or restore, settings over a software reset: ours are kept */
    case 0xcc: return true;
    case 0x03:
        if (!transfer_mode_ok(d->reg[R_COUNT]))
            return false;
        if (d->reg[R_COUNT] >= 0x20) /* PIO modes leave the DMA mode alone */
            d->transfer = d->reg[R_COUNT];
        return true;
    }
    return false;
}

static void start_set_features(struct ide_channel *ch, struct ide_drive *d)
{
    if (set_feature(d))
        ide_done(ch);
    else
        ide_fail(ch, ATA_ABRT);
}

/* ---- the rest ---- */

static void start_nothing(struct ide_channel *ch, struct ide_drive *d)
{
    (void)d;
    ide_done(ch);
}

static void start_flush(struct ide_channel *ch, struct ide_drive *d)
{
    if (blk_flush(d->blk))
        ide_done(ch);
    else
        ide_device_fault(ch);
}

static void start_diagnostic(struct ide_channel *ch, struct ide_drive *d)
{
    (void)d;
    for (unsigned n = 0; n < 2; n++)
        ide_signature(&ch->drive[n]);
    ch->selected = 0;
    ch->active = ch->drive[0].blk ? 0 : 1;
    ide_done(ch);
    ide_signature(&ch->drive[ch->active]);
}

/* Ends without an interrupt, and with the drive's status as after any reset. */
static void start_device_reset(struct ide_channel *ch, struct ide_drive *d)
{
    ch->phase = IDE_NONE;
    d->standby = false;
    ide_signature(d);
}

static void start_standby(struct ide_channel *ch, struct ide_drive *d)
{
    d->standby = true;
    ide_done(ch);
}

static void start_idle(struct ide_channel *ch, struct ide_drive *d)
{
    d->standby = false;
    ide_done(ch);
}

static void start_check_power(struct ide_channel *ch, struct ide_drive *d)
{
    d->reg[R_COUNT] = d->standby ? 0x00 : 0xff;
    ide_done(ch);
}

static void start_native_max(struct ide_channel *ch, struct ide_drive *d)
{
    ch->lba = d->sectors - 1;
    if (!(flags_of(ch) & C_EXT)) {
        d->reg[R_DEVICE] |= ATA_LBA;
        ch->lba = ch->lba < 0x0fffffff ? ch->lba : 0x0fffffff;
    }
    ide_show_address(ch);
    ide_done(ch);
}

static const struct command disk_commands[256] = {
    [0x10 ... 0x1f] = {start_nothing, 0}, /* RECALIBRATE */
    [0x20] = {start_read, 0},
    [0x21] = {start_read, 0}, /* without retries */
    [0x24] = {start_read, C_EXT},
    [0x25] = {start_dma, C_EXT},
    [0x27] = {start_native_max, C_EXT},
    [0x29] = {start_read, C_EXT | C_MULTIPLE},
    [0x30] = {start_write, C_WRITE},
    [0x31] = {start_write, C_WRITE},
    [0x34] = {start_write, C_WRITE | C_EXT},
    [0x35] = {start_dma, C_WRITE | C_EXT},
    [0x39] = {start_write, C_WRITE | C_EXT | C_MULTIPLE},
    [0x40] = {start_verify, 0},
    [0x41] = {start_verify, 0},
    [0x42] = {start_verify, C_EXT},
    [0x70 ... 0x7f] = {start_seek, 0},
    [0x90] = {start_diagnostic, 0},
    [0x91] = {start_set_geometry, 0},
    [0x94] = {start_standby, 0}, /* the power commands' codes of ATA-1 to ATA-3 */
    [0x95] = {start_idle, 0},
    [0x96] = {start_standby, 0},
    [0x97] = {start_idle, 0},
    [0x98] = {start_check_power, 0},
    [0x99] = {start_standby, 0}, /* SLEEP; any access wakes the drive */
    [0xc4] = {start_read, C_MULTIPLE},
    [0xc5] = {start_write, C_WRITE | C_MULTIPLE},
    [0xc6] = {start_set_multiple, 0},
    [0xc8] = {start_dma, 0},
    [0xc9] = {start_dma, 0},
    [0xca] = {start_dma, C_WRITE},
    [0xcb] = {start_dma, C_WRITE},
    [0xe0] = {start_standby, 0},
    [0xe1] = {start_idle, 0},
    [0xe2] = {start_standby, 0},
    [0xe3] = {start_idle, 0},
    [0xe5] = {start_check_power, 0},
    [0xe6] = {start_standby, 0},
    [0xe7] = {start_flush, 0},
    [0xea] = {start_flush, C_EXT},
    [0xec] = {start_identify, 0},
    [0xef] = {start_set_features, 0},
    [0xf8] = {start_native_max, 0},
};

static const struct command cd_commands[256] = {
    [ATA_DEVICE_RESET] = {start_device_reset, 0},
    [0x20] = {start_signature, 0},
    [0x21] = {start_signature, 0},
    [0x90] = {start_diagnostic, 0},
    [0x94] = {start_standby, 0},
    [0x95] = {start_idle, 0},
    [0x96] = {start_standby, 0},
    [0x97] = {start_idle, 0},
    [0x98] = {start_check_power, 0},
    [0x99] = {start_standby, 0},
    [ATA_PACKET] = {atapi_start_packet, 0},
    [0xa1] = {start_identify_packet, 0},
    [0xe0] = {start_standby, 0},
    [0xe1] = {start_idle, 0},
    [0xe2] = {start_standby, 0},
    [0xe3] = {start_idle, 0},
    [0xe5] = {start_check_power, 0},
    [0xe6] = {start_standby, 0},
    [0xec] = {start_signature, 0},
    [0xef] = {start_set_features, 0},
};

void ide_command(struct ide_channel *ch)
{
    void (*start)(struct ide_channel *, struct ide_drive *) = command_of(ch)->start;

    if (start)
        start(ch, &ch->drive[ch->active]);
    else
        ide_fail(ch, ATA_ABRT);
}
