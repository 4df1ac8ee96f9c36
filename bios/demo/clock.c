/* The page about time: the clock chip's date in large figures, the timer's counter, and how far
 * both agree. */
#include "bios/demo/demo.h"

#define DIGIT_ROWS 5

/* Figures of 5 by 5, a row each of five bits; ':' is the eleventh. */
static const u8 figures[11][DIGIT_ROWS] = {
    {0x1f, 0x11, 0x11, 0x11, 0x1f}, {0x04, 0x0c, 0x04, 0x04, 0x0e}, {0x1f, 0x01, 0x1f, 0x10, 0x1f},
    {0x1f, 0x01, 0x0f, 0x01, 0x1f}, {0x11, 0x11, 0x1f, 0x01, 0x01}, {0x1f, 0x10, 0x1f, 0x01, 0x1f},
    {0x1f, 0x10, 0x1f, 0x11, 0x1f}, {0x1f, 0x01, 0x02, 0x04, 0x04}, {0x1f, 0x11, 0x1f, 0x11, 0x1f},
    {0x1f, 0x11, 0x1f, 0x01, 0x1f}, {0x00, 0x04, 0x00, 0x04, 0x00},
};

static u32 first_ticks; /* when the page was opened */
static struct date first;

static void draw_figure(int row, int col, unsigned n, u8 colour)
{
    for (int r = 0; r < DIGIT_ROWS; r++)
        for (int c = 0; c < 5; c++)
            if (figures[n][r] >> (4 - c) & 1)
                fill(row + r, col + 2 * c, 1, 2, 0xdb, ON(colour, PANEL));
}

static void draw_big_time(const struct date *d)
{
    const u8 parts[] = {d->hour, d->minute, d->second};

    for (int i = 0; i < 3; i++) {
        draw_figure(5, 5 + 25 * i, parts[i] / 10, i < 2 ? YELLOW : GOLD);
        draw_figure(5, 16 + 25 * i, parts[i] % 10, i < 2 ? YELLOW : GOLD);
        if (i < 2)
            draw_figure(5, 23 + 25 * i, 10, DIM);
    }
}

static u32 seconds_of_day(const struct date *d)
{
    return (d->hour * 60u + d->minute) * 60 + d->second;
}

static void open_clock(void)
{
    first_ticks = ticks;
    first = clock_read();
}

static void draw_clock(void)
{
    static const char *const days[] = {"?",         "Sunday",   "Monday", "Tuesday",
                                       "Wednesday", "Thursday", "Friday", "Saturday"};
    struct date d = clock_read();
    u32 now = ticks, passed = (seconds_of_day(&d) + 86400 - seconds_of_day(&first)) % 86400;
    u16 count = timer_count();

    box(2, 1, 20, 78, "The clock chip, by its own count");
    draw_big_time(&d);
    put(11, 4, ON(WHITE, PANEL), "%s, %u-%02u-%02u", days[d.weekday < 8 ? d.weekday : 0], d.year,
        d.month, d.day);

    put(14, 4, ON(DIM, PANEL), "Timer, counter 0");
    put(14, 26, ON(BRIGHT_CYAN, PANEL), "%5u", count);
    fill(14, 33, 1, 42, 0xb0, ON(DIM, PANEL));
    fill(14, 33, 1, (int)(count * 42 / 5966), 0xdb, ON(CYAN, PANEL));
    put(15, 4, ON(DIM, PANEL), "Its interrupts");
    put(15, 26, ON(BRIGHT_CYAN, PANEL), "%5u", now);
    put(15, 33, ON(DIM, PANEL), "%u a second: 1193182 Hz divided by 5965", TICKS_PER_SECOND);
    put(17, 4, ON(DIM, PANEL), "Since you came");
    put(17, 26, ON(BRIGHT_GREEN, PANEL), "%5u s by the clock, %u.%02u s by the timer", passed,
        (now - first_ticks) / TICKS_PER_SECOND,
        (now - first_ticks) % TICKS_PER_SECOND * 100 / TICKS_PER_SECOND);
    put(19, 4, ON(DIM, PANEL),
        "Both count virtual time here: the number of instructions that have run.");
    put(20, 4, ON(DIM, PANEL), "That is why a run repeats bit for bit.");
}

const struct page clock_page = {
    .key = '9',
    .name = "Timer and clock",
    .about = "The date of the clock chip, the timer's counter as it runs down, and whether the two "
             "agree.",
    .hints = "Esc menu",
    .interval = 20,
    .open = open_clock,
    .draw = draw_clock,
};
