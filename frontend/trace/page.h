/* The page of orrery-trace html, before and behind its data; made of page.html, page.css and page.js
 * by embed.py. */
#ifndef FRONTEND_TRACE_PAGE_H
#define FRONTEND_TRACE_PAGE_H

#include <stddef.h>

extern const unsigned char page_head[], page_tail[];
extern const size_t page_head_bytes, page_tail_bytes;

#endif
