/* The two 8237A DMA controllers of the PC/AT and the page registers beside them. Intel 8237A data
 * sheet (231466), PIIX data sheet for the pages and the aliases.
 *
 * Transfers take no virtual time: the device chooses the moment and moves as much as it has, so
 * that priority, timing and the bus modes (single, block, demand) make no difference to what ends
 * up where. They reach memory only. The polarities of DREQ and DACK are fixed by the board: the
 * command register keeps those bits without effect. */
#include "devices/i8237.h"

#include <string.h>

#include "base/check.h"

enum { CMD_MEMORY = 0x01, CMD_HOLD = 0x02, CMD_OFF = 0x04 };   /* command register */
enum { MODE_AUTO = 0x10, MODE_DOWN = 0x20, MODE_CASCADE = 3 }; /* mode register */
enum { DIR_VERIFY, DIR_WRITE, DIR_READ };                      /* its bits 3 and 2 */
enum { R_STATUS = 8, R_REQUEST, R_MASK, R_MODE, R_CLEAR, R_TEMP, R_UNMASK, R_ALL_MASK };

#define SCRATCH 256u

struct dma_channel {
    u16 base_addr, base_count;
    u16 addr, count;
    u8 mode;
    void (*granted)(void *opaque); /* set once */
    void *opaque;
};

struct dma_controller {
    struct dma_channel ch[4];
    u8 command, temp;
    u8 mask, request, dreq, tc; /* a bit for each channel */
    bool high;                  /* the flip-flop: the high byte comes next */
};

struct i8237 {
    struct dev dev;
    struct dma_controller ctl[2];
    u8 page[16];
    struct i8237_watch *watches;
};

static const struct field channel_fields[] = {
    FIELD(struct dma_channel, base_addr), FIELD(struct dma_channel, base_count),
    FIELD(struct dma_channel, addr),      FIELD(struct dma_channel, count),
    FIELD(struct dma_channel, mode),      FIELD_END,
};

static const struct field controller_fields[] = {
    FIELD_SUBS(struct dma_controller, ch, channel_fields),
    FIELD(struct dma_controller, command),
    FIELD(struct dma_controller, temp),
    FIELD(struct dma_controller, mask),
    FIELD(struct dma_controller, request),
    FIELD(struct dma_controller, dreq),
    FIELD(struct dma_controller, tc),
    FIELD(struct dma_controller, high),
    FIELD_END,
};

static const struct field i8237_fields[] = {
    FIELD_SUBS(struct i8237, ctl, controller_fields),
    FIELD_ARRAY(struct i8237, page),
    FIELD_END,
};

/* ---- addresses ---- */

/* Where in the page registers each channel's stands; 4 has that of refresh. */
static const u8 page_of[8] = {0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};

/* Channels 5 to 7 count words: address lines A16 to A1, and bit 0 of the page is not used. */
static paddr physical(const struct i8237 *s, unsigned channel)
{
    u32 page = s->page[page_of[channel]], addr = s->ctl[channel / 4].ch[channel % 4].addr;
    return channel < 4 ? page << 16 | addr : (page & 0xfe) << 16 | addr << 1;
}

static u32 unit_size(unsigned channel)
{
    return channel < 4 ? 1 : 2;
}

/* ---- transfers ---- */

static bool controller_runs(const struct i8237 *s, unsigned ctl)
{
    const struct dma_controller *second = &s->ctl[1];
    if (second->command & CMD_OFF)
        return false;
    /* The first controller asks for the bus through channel 4. */
    return ctl || (!(s->ctl[0].command & CMD_OFF) && !(second->mask & 1) &&
                   second->ch[0].mode >> 6 == MODE_CASCADE);
}

static bool able(const struct i8237 *s, unsigned channel)
{
    const struct dma_controller *ctl = &s->ctl[channel / 4];
    return controller_runs(s, channel / 4) && !(ctl->mask >> channel % 4 & 1) &&
           ctl->ch[channel % 4].mode >> 6 != MODE_CASCADE;
}

/* How many units lie in one piece of memory, up to the end of the count. */
static u32 piece(const struct dma_channel *c, u32 units)
{
    u32 to_count = c->count + 1u, to_wrap = c->mode & MODE_DOWN ? 1 : 0x10000u - c->addr;
    units = units < to_count ? units : to_count;
    return units < to_wrap ? units : to_wrap;
}

/* Moves the channel on; true at terminal count. */
static bool advance(struct dma_controller *ctl, unsigned n, u32 units)
{
    struct dma_channel *c = &ctl->ch[n];
    bool tc = units == c->count + 1u;

    c->addr = (u16)(c->mode & MODE_DOWN ? c->addr - units : c->addr + units);
    c->count = (u16)(c->count - units);
    if (!tc)
        return false;
    ctl->tc |= (u8)(1u << n);
    ctl->request &= (u8) ~(1u << n);
    if (c->mode & MODE_AUTO) {
        c->addr = c->base_addr;
        c->count = c->base_count;
    } else {
        ctl->mask |= (u8)(1u << n);
    }
    return true;
}

static void move(struct i8237 *s, unsigned channel, u8 *buf, u32 len, bool to_device)
{
    unsigned direction = s->ctl[channel / 4].ch[channel % 4].mode >> 2 & 3;

    if (to_device && direction == DIR_READ)
        bus_master_read(s->dev.bus, s, physical(s, channel), buf, len);
    else if (to_device)
        memset(buf, 0xff, len);
    else if (direction == DIR_WRITE)
        bus_master_write(s->dev.bus, s, physical(s, channel), buf, len);
}

u32 i8237_transfer(struct dev *dma, unsigned channel, void *buf, u32 len, bool to_device, bool *tc)
{
    struct i8237 *s = (struct i8237 *)dma;
    struct dma_controller *ctl = &s->ctl[channel / 4];
    u32 unit = unit_size(channel), done = 0;

    *tc = false;
    while (!*tc && len - done >= unit && able(s, channel)) {
        u32 units = piece(&ctl->ch[channel % 4], (len - done) / unit);
        move(s, channel, (u8 *)buf + done, units * unit, to_device);
        *tc = advance(ctl, channel % 4, units);
        done += units * unit;
    }
    return done;
}

/* A software request (data sheet, "request register"): runs to terminal count without a device, so
 * that memory is written with what floats on the bus. The mask does not hold it back. */
static void run_software(struct i8237 *s, unsigned channel)
{
    struct dma_controller *ctl = &s->ctl[channel / 4];
    bool to_device = (ctl->ch[channel % 4].mode >> 2 & 3) == DIR_READ, tc;
    u8 scratch[SCRATCH];

    memset(scratch, 0xff, sizeof(scratch));
    do {
        u32 unit = unit_size(channel), units = piece(&ctl->ch[channel % 4], SCRATCH / unit);
        move(s, channel, scratch, units * unit, to_device);
        tc = advance(ctl, channel % 4, units);
    } while (!tc);
}

/* Memory to memory: a software request on channel 0 moves bytes from its address to that of channel
 * 1 until channel 1 has counted down. Channel 0's address may stand still. */
static void run_memory(struct i8237 *s)
{
    struct dma_controller *ctl = &s->ctl[0];
    bool tc;

    do {
        u16 source = ctl->ch[0].addr;
        bus_master_read(s->dev.bus, s, physical(s, 0), &ctl->temp, 1);
        bus_master_write(s->dev.bus, s, physical(s, 1), &ctl->temp, 1);
        ctl->ch[0].count--;
        ctl->ch[0].addr = (u16)(ctl->ch[0].mode & MODE_DOWN ? source - 1 : source + 1);
        if (ctl->command & CMD_HOLD)
            ctl->ch[0].addr = source;
        tc = advance(ctl, 1, 1);
    } while (!tc);
    ctl->request &= (u8)~1;
}

/* After anything that may have set a channel free. */
static void serve(struct i8237 *s)
{
    for (unsigned channel = 0; channel < 8; channel++) {
        struct dma_controller *ctl = &s->ctl[channel / 4];
        struct dma_channel *c = &ctl->ch[channel % 4];
        u8 bit = (u8)(1u << channel % 4);

        if ((ctl->request & bit) && controller_runs(s, channel / 4) &&
            c->mode >> 6 != MODE_CASCADE) {
            if (channel == 0 && (ctl->command & CMD_MEMORY))
                run_memory(s);
            else
                run_software(s, channel);
        }
        if ((ctl->dreq & bit) && c->granted && able(s, channel))
            c->granted(c->opaque);
    }
}

/* ---- registers ---- */

static void put_byte(u16 *reg, bool high, u8 value)
{
    *reg = (u16)(high ? (*reg & 0xff) | value << 8 : (*reg & 0xff00) | value);
}

static void master_clear(struct dma_controller *ctl)
{
    ctl->command = ctl->temp = ctl->request = ctl->tc = 0;
    ctl->high = false;
    ctl->mask = 0xf;
}

static void set_bit(u8 *set, u8 value)
{
    u8 bit = (u8)(1u << (value & 3));
    *set = (u8)(value & 4 ? *set | bit : *set & ~bit);
}

static void write_channel(struct dma_controller *ctl, unsigned reg, u8 value)
{
    struct dma_channel *c = &ctl->ch[reg / 2];

    put_byte(reg & 1 ? &c->base_count : &c->base_addr, ctl->high, value);
    put_byte(reg & 1 ? &c->count : &c->addr, ctl->high, value);
    ctl->high = !ctl->high;
}

static void write_register(struct i8237 *s, struct dma_controller *ctl, unsigned reg, u8 value)
{
    switch (reg) {
    case R_STATUS: ctl->command = value; break;
    case R_REQUEST: set_bit(&ctl->request, value); break;
    case R_MASK: set_bit(&ctl->mask, value); break;
    case R_MODE: ctl->ch[value & 3].mode = value & 0xfc; break;
    case R_CLEAR: ctl->high = false; break;
    case R_TEMP: master_clear(ctl); break;
    case R_UNMASK: ctl->mask = 0; break;
    case R_ALL_MASK: ctl->mask = value & 0xf; break;
    default: write_channel(ctl, reg, value); return;
    }
    serve(s);
}

static u8 read_register(struct dma_controller *ctl, unsigned reg)
{
    u16 value;
    u8 status;

    switch (reg) {
    case R_STATUS:
        status = (u8)(((ctl->dreq | ctl->request) & 0xf) << 4 | ctl->tc);
        ctl->tc = 0;
        return status;
    case R_TEMP: return ctl->temp;
    case R_ALL_MASK: return 0xf0 | ctl->mask; /* of later chip sets; not on the 8237A */
    }
    if (reg >= R_STATUS)
        return 0xff; /* cannot be read */
    value = reg & 1 ? ctl->ch[reg / 2].count : ctl->ch[reg / 2].addr;
    ctl->high = !ctl->high;
    return (u8)(ctl->high ? value : value >> 8);
}

static void look(const struct i8237 *s)
{
    for (const struct i8237_watch *w = s->watches; w; w = w->next)
        w->look(w->opaque);
}

static void programmed(const struct i8237 *s)
{
    for (const struct i8237_watch *w = s->watches; w; w = w->next)
        w->programmed(w->opaque);
}

/* The first controller at 00h, again at 10h; the second at C0h, its registers two ports apart. */
static void first_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8237 *s = opaque;
    (void)size;
    look(s);
    write_register(s, &s->ctl[0], port & 15, (u8)value);
    programmed(s);
}

static u32 first_read(void *opaque, u16 port, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    look(s);
    return read_register(&s->ctl[0], port & 15);
}

static void second_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8237 *s = opaque;
    (void)size;
    look(s);
    write_register(s, &s->ctl[1], port >> 1 & 15, (u8)value);
    programmed(s);
}

static u32 second_read(void *opaque, u16 port, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    look(s);
    return read_register(&s->ctl[1], port >> 1 & 15);
}

static void page_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8237 *s = opaque;
    (void)size;
    look(s);
    s->page[port & 15] = (u8)value;
}

static u32 page_read(void *opaque, u16 port, unsigned size)
{
    struct i8237 *s = opaque;
    (void)size;
    return s->page[port & 15];
}

/* ---- life ---- */

struct dev *i8237_find(struct bus *bus)
{
    return bus_find_dev(bus, I8237_ID);
}

void i8237_attach(struct dev *dma, unsigned channel, void (*granted)(void *opaque), void *opaque)
{
    struct dma_channel *c = &((struct i8237 *)dma)->ctl[channel / 4].ch[channel % 4];
    CHECK(channel < 8 && channel != 4 && !c->granted, "DMA channel %u", channel);
    c->granted = granted;
    c->opaque = opaque;
}

void i8237_watch(struct dev *dma, struct i8237_watch *watch)
{
    struct i8237 *s = (struct i8237 *)dma;
    watch->next = s->watches;
    s->watches = watch;
}

void i8237_request(struct dev *dma, unsigned channel, bool level)
{
    struct dma_controller *ctl = &((struct i8237 *)dma)->ctl[channel / 4];
    set_bit(&ctl->dreq, (u8)(level << 2 | channel % 4));
}

static void i8237_reset(struct dev *dev)
{
    struct i8237 *s = (struct i8237 *)dev;

    for (unsigned n = 0; n < 2; n++) {
        master_clear(&s->ctl[n]);
        s->ctl[n].dreq = 0;
        for (unsigned i = 0; i < 4; i++) {
            struct dma_channel *c = &s->ctl[n].ch[i];
            c->base_addr = c->base_count = c->addr = c->count = 0;
            c->mode = 0;
        }
    }
    memset(s->page, 0, sizeof(s->page));
}

static const char *i8237_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops first = {.read = first_read, .write = first_write};
    static const struct io_ops second = {.read = second_read, .write = second_write};
    static const struct io_ops page = {.read = page_read, .write = page_write};

    bus_claim_io(bus, 0x00, 0x20, &first, dev);
    bus_claim_io(bus, 0xc0, 0x20, &second, dev);
    bus_claim_io(bus, 0x80, 0x20, &page, dev); /* again at 90h, but for 92h */
    return NULL;
}

const struct dev_type dev_i8237 = {
    .name = I8237_ID,
    .on_board = true,
    .size = sizeof(struct i8237),
    .version = 1,
    .fields = i8237_fields,
    .init = i8237_init,
    .reset = i8237_reset,
};
