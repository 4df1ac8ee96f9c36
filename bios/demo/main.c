/* The demonstration's beginning, its menu, and its loop: wait for an interrupt, hand keys to the
 * page, let it draw when its time has come, bring what it drew to the screen and the serial port.
 * Whoever waits, waits in HLT. */
#include "bios/demo/demo.h"

static const struct page *const pages[] = {
    &journey_page, &walk_page,   &descriptors_page, &interrupts_page, &tasks_page,
    &memory_page,  &cpu_page,    &pci_page,         &clock_page,      &plasma_page,
    &modex_page,   &planar_page, &orrery_page,      &sound_page,      &power_page,
};

static const struct page menu_page, *page = &menu_page;
static unsigned chosen;
static u32 next_draw, clicks, packets;

/* What a page with pictures says to those who see only the serial port. */
static void draw_card(void)
{
    screen_clear();
    title_bar(page->name);
    box(4, 8, 12, 64, "On the screen");
    paragraph(6, 11, 58, ON(TEXT, PANEL), page->about);
    hint_bar(page->hints);
    mirror_changed();
}

static void show_page(const struct page *p)
{
    if (page->close)
        page->close();
    if (page->graphics)
        screen_text_mode();
    page = p;
    next_draw = ticks;
    if (page->graphics)
        draw_card();
    if (page->open)
        page->open();
}

void go_to_menu(void)
{
    show_page(&menu_page);
}

void title_bar(const char *title)
{
    char right[32];
    u32 seconds = ticks / TICKS_PER_SECOND;
    int n = format(right, sizeof(right), "up %u:%02u ", seconds / 60, seconds % 60);

    fill(0, 0, 1, COLS, ' ', ON(WHITE, BAR));
    put(0, 1, ON(YELLOW, BAR), "\x0f Orrery");
    put(0, 11, ON(WHITE, BAR), "%s", title);
    put(0, COLS - n, ON(TEXT, BAR), "%s", right);
}

/* Keys and what they do, by two blanks apart: "R read  W write". A click on one is its key. */
void hint_bar(const char *hints)
{
    static const struct {
        const char *name;
        u16 key;
    } named[] = {{"Esc", KEY_ESC}, {"Enter", KEY_ENTER}, {"Space", ' '}, {"Tab", KEY_TAB}};
    int col = 1;

    fill(ROWS - 1, 0, 1, COLS, ' ', ON(TEXT, BAR));
    for (const char *at = hints; *at;) {
        int start = col, key = *at >= 'A' && *at <= 'Z' && at[1] == ' ' ? *at + 32 : *at;
        for (unsigned i = 0; i < ARRAY_LEN(named); i++)
            if (!memcmp(at, named[i].name, strlen(named[i].name)))
                key = named[i].key;
        for (; *at && *at != ' '; at++)
            put(ROWS - 1, col++, ON(YELLOW, BAR), "%c", *at);
        for (; *at && !(*at == ' ' && at[1] == ' '); at++)
            put(ROWS - 1, col++, ON(TEXT, BAR), "%c", *at);
        hot(ROWS - 1, start, col - start, key);
        for (; *at == ' '; at++)
            col++;
    }
}

/* ---- the menu ---- */

#define MENU_ROW   4
#define MENU_COL   3
#define MENU_WIDTH 34
#define SIDE_COL   40

static void draw_choice(unsigned i)
{
    bool here = i == chosen;
    u8 back = here ? BAR : PANEL;
    int row = MENU_ROW + (int)i;

    fill(row, MENU_COL, 1, MENU_WIDTH, ' ', ON(TEXT, back));
    put(row, MENU_COL + 1, ON(here ? YELLOW : GOLD, back), "%c",
        pages[i]->key >= 'a' ? pages[i]->key - 32 : pages[i]->key);
    put(row, MENU_COL + 4, ON(here ? WHITE : TEXT, back), "%s", pages[i]->name);
    if (here)
        put(row, MENU_COL + MENU_WIDTH - 2, ON(YELLOW, back), "\x10");
    hot(row, MENU_COL, MENU_WIDTH, pages[i]->key);
}

static void draw_menu(void)
{
    screen_clear();
    title_bar("a PC, taken apart while it runs");
    box(2, 1, 20, MENU_WIDTH + 4, "What would you like to see?");
    for (unsigned i = 0; i < ARRAY_LEN(pages); i++)
        draw_choice(i);
    box(2, SIDE_COL, 10, 39, pages[chosen]->name);
    paragraph(4, SIDE_COL + 2, 35, ON(TEXT, PANEL), pages[chosen]->about);

    box(13, SIDE_COL, 9, 39, "This machine, now");
    static const char *const names[] = {"CR0", "CR3", "EFLAGS", "Ticks", "Keyboard", "Mouse"};
    const u32 values[] = {read_cr0(), read_cr3(),      read_eflags(),
                          ticks,      scan_code_count, mouse.packets};
    static const char *const units[] = {"", "", "", "of the timer", "bytes", "packets"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        put(15 + (int)i, SIDE_COL + 2, ON(DIM, PANEL), "%s", names[i]);
        put(15 + (int)i, SIDE_COL + 12, ON(BRIGHT_CYAN, PANEL), i < 3 ? "%08x" : "%u", values[i]);
        put(15 + (int)i, SIDE_COL + 22, ON(TEXT, PANEL), "%s", units[i]);
    }
    hint_bar("\x18\x19 choose  Enter open  1-9, A-F open at once");
}

static void menu_key(int key)
{
    unsigned n = ARRAY_LEN(pages);

    if (key == KEY_UP)
        chosen = (chosen + n - 1) % n;
    else if (key == KEY_DOWN)
        chosen = (chosen + 1) % n;
    else if (key == KEY_ENTER || key == KEY_RIGHT)
        show_page(pages[chosen]);
    for (unsigned i = 0; i < n; i++)
        if (pages[i]->key == key) {
            chosen = i;
            show_page(pages[i]);
        }
}

static const struct page menu_page = {.interval = 20, .draw = draw_menu, .key_pressed = menu_key};

/* ---- the loop ---- */

static void handle_key(int key)
{
    if (key == KEY_REDRAW)
        mirror_all();
    else if (key == KEY_ESC && page != &menu_page)
        go_to_menu();
    else if (page->key_pressed)
        page->key_pressed(key);
    if (!page->graphics)
        next_draw = ticks;
}

static void draw_page(void)
{
    if (!page->graphics && page != &menu_page) {
        screen_clear();
        title_bar(page->name);
        hint_bar(page->hints);
    }
    page->draw();
    next_draw = ticks + page->interval;
    if (!page->graphics) {
        screen_show();
        mirror_changed();
    }
}

static void handle_click(void)
{
    if (clicks == mouse.clicks)
        return;
    clicks = mouse.clicks;
    if (!page->graphics)
        key_push(hot_key(mouse.y / 16, mouse.x / 8));
}

static void __attribute__((noreturn)) loop(void)
{
    for (;;) {
        int key = key_next();
        if (key != KEY_NONE) {
            handle_key(key);
            continue;
        }
        handle_click();
        serial_poll();
        if ((s32)(ticks - next_draw) >= 0)
            draw_page();
        if (packets != mouse.packets) {
            packets = mouse.packets;
            screen_show();
        }
        mirror_send();
        wait_for_interrupt();
    }
}

void __attribute__((noreturn)) demo_main(void)
{
    note_step(STEP_PROTECTED);
    descriptors_init();
    paging_init();
    traps_init();
    mouse_init();
    keyboard_init();
    serial_init();
    time_init();
    interrupts_on();
    screen_text_mode();
    mirror_all();
    loop();
}
