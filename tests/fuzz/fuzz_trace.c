/* libFuzzer's target: reading trace files. The bytes are a file; besides, since hardly any of them
 * has the right checksums, they are packed as the records of a chunk of a file that is whole. All
 * events are read and put into words, as orrery-trace print does. */
#include "base/bytes.h"
#include "machine/trace_code.h"
#include "machine/trace_text.h"

#include <stdlib.h>
#include <zlib.h>

#define MAX_EVENTS 100000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct trace_texts *texts;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    texts = trace_texts_new();
    return !texts;
}

static void read_all(const u8 *data, size_t size)
{
    FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    struct trace_reader *r;
    struct trace_event e;
    u64 before[TRACE_REGS];
    char text[1024];
    u64 sum = 0;

    r = f ? trace_reader_new(f, text, sizeof(text)) : NULL;
    for (unsigned n = 0; r && n < MAX_EVENTS; n++) {
        memcpy(before, trace_regs(r), sizeof(before));
        if (!trace_next(r, &e))
            break;
        trace_event_text(texts, &e, trace_regs(r), before, text, sizeof(text));
        for (u32 i = 0; e.data && i < e.size; i++)
            sum += e.data[i];
        if (e.data && (e.kind == TRACE_TEXT || e.kind == TRACE_PICTURE))
            sum += e.width && e.height ? e.data[(size_t)e.width * e.height * 2 - 1] : 0;
        if (n == 100)
            trace_seek(r, sum & 0xffff);
    }
    trace_reader_free(r);
}

static void read_as_chunk(const u8 *data, size_t size)
{
    uLongf packed = compressBound(size);
    u8 *file = calloc(1, HEADER_BYTES + CHUNK_BYTES + packed), *chunk = file + HEADER_BYTES;

    if (file && compress2(chunk + CHUNK_BYTES, &packed, data, size, 1) == Z_OK) {
        memcpy(file, TRACE_MAGIC, 8);
        store_le(file + 8, 4, TRACE_VERSION);
        store_le(chunk, 4, CHUNK_MAGIC);
        store_le(chunk + 4, 4, size);
        store_le(chunk + 8, 4, packed);
        store_le(chunk + 12, 4, crc32(0, chunk + CHUNK_BYTES, (unsigned)packed));
        read_all(file, HEADER_BYTES + CHUNK_BYTES + packed);
    }
    free(file);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    read_all(data, size);
    read_as_chunk(data, size);
    return 0;
}
