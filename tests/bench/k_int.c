/* Integer kernels in plain C: what compilers make of loops over small tables. All data together
 * stay within the 64 KiB that a 16-bit mode has. */
#include "kernel.h"

static u32 next(u32 *seed)
{
    return *seed = *seed * 1103515245u + 12345u;
}

#define SORT_N 512
static u32 sort_data[SORT_N];

static u32 int_sort(u32 reps)
{
    u32 sum = 0, seed = 1;
    while (reps--) {
        for (u32 i = 0; i < SORT_N; i++)
            sort_data[i] = next(&seed) >> 8;
        for (u32 gap = SORT_N / 2; gap; gap /= 2)
            for (u32 i = gap; i < SORT_N; i++) {
                u32 v = sort_data[i], j = i;
                for (; j >= gap && sort_data[j - gap] > v; j -= gap)
                    sort_data[j] = sort_data[j - gap];
                sort_data[j] = v;
            }
        sum += sort_data[0] ^ sort_data[SORT_N / 2];
    }
    return sum;
}
KERNEL(int_sort, "int/sort", SORT_N, "element");

#define CRC_N 2048
static u32 crc_table[256];
static u8 crc_data[CRC_N];

static u32 int_crc(u32 reps)
{
    u32 crc = ~0u;
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (u32 k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        crc_table[i] = c;
    }
    for (u32 i = 0; i < CRC_N; i++)
        crc_data[i] = (u8)(i * 7);
    while (reps--)
        for (u32 i = 0; i < CRC_N; i++)
            crc = crc >> 8 ^ crc_table[(u8)crc ^ crc_data[i]];
    return crc;
}
KERNEL(int_crc, "int/crc", CRC_N, "byte");

#define SIEVE_N 8192
static u8 sieve[SIEVE_N];

static u32 int_sieve(u32 reps)
{
    u32 count = 0;
    while (reps--) {
        for (u32 i = 0; i < SIEVE_N; i++)
            sieve[i] = 1;
        for (u32 i = 2; i * i < SIEVE_N; i++)
            if (sieve[i])
                for (u32 k = i * i; k < SIEVE_N; k += i)
                    sieve[k] = 0;
        for (u32 i = 2; i < SIEVE_N; i++)
            count += sieve[i];
    }
    return count;
}
KERNEL(int_sieve, "int/sieve", SIEVE_N, "number");

#define MATRIX_N 24
static u32 matrix_a[MATRIX_N][MATRIX_N], matrix_b[MATRIX_N][MATRIX_N], matrix_c[MATRIX_N][MATRIX_N];

static u32 int_matrix(u32 reps)
{
    u32 sum = 0;
    for (u32 i = 0; i < MATRIX_N; i++)
        for (u32 k = 0; k < MATRIX_N; k++) {
            matrix_a[i][k] = i * 3 + k;
            matrix_b[i][k] = i ^ k;
        }
    while (reps--) {
        for (u32 i = 0; i < MATRIX_N; i++)
            for (u32 k = 0; k < MATRIX_N; k++) {
                u32 s = 0;
                for (u32 m = 0; m < MATRIX_N; m++)
                    s += matrix_a[i][m] * matrix_b[m][k];
                matrix_c[i][k] = s;
            }
        sum += matrix_c[reps % MATRIX_N][3];
    }
    return sum;
}
KERNEL(int_matrix, "int/matrix", MATRIX_N *MATRIX_N *MATRIX_N, "multiply-add");

#define TREE_N 512
static struct node {
    struct node *child[2];
    u32 key;
} tree_nodes[TREE_N];

static u32 int_tree(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        struct node *root = 0;
        u32 seed = 7, used = 0;
        for (u32 i = 0; i < TREE_N; i++) {
            struct node **at = &root, *n = &tree_nodes[used++];
            n->key = next(&seed) >> 4;
            n->child[0] = n->child[1] = 0;
            while (*at)
                at = &(*at)->child[(*at)->key < n->key];
            *at = n;
        }
        for (u32 i = 0; i < TREE_N; i++) {
            u32 key = next(&seed) >> 4, depth = 0;
            for (struct node *n = root; n && n->key != key; n = n->child[n->key < key])
                depth++;
            sum += depth;
        }
    }
    return sum;
}
KERNEL(int_tree, "int/tree", 2 * TREE_N, "insert or look-up");

static NOINLINE u32 ackermann(u32 m, u32 n)
{
    if (!m)
        return n + 1;
    return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static u32 int_recursion(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        sum += ackermann(2, 5);
    return sum;
}
KERNEL(int_recursion, "int/recursion", 90, "call"); /* calls that remain of A(2, 5) */

enum op { OP_PUSH, OP_ADD, OP_XOR, OP_DUP, OP_SHIFT, OP_SWAP, OP_LOOP, OP_END };

/* Pushes 1, then 64 times round: 21 instructions of a stack machine. */
static const u8 bytecode[] = {OP_PUSH, 1,       OP_DUP, OP_PUSH, 5,        OP_ADD,  OP_XOR,
                              OP_PUSH, 3,       OP_ADD, OP_DUP,  OP_SHIFT, OP_XOR,  OP_PUSH,
                              9,       OP_SWAP, OP_ADD, OP_DUP,  OP_XOR,   OP_PUSH, 7,
                              OP_ADD,  OP_LOOP, 2,      OP_END};

static u32 int_bytecode(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        u32 stack[16], sp = 0, left = 64, t;
        for (const u8 *pc = bytecode; *pc != OP_END;) {
            switch (*pc++) {
            case OP_PUSH: stack[sp++] = *pc++; break;
            case OP_ADD: sp--, stack[sp - 1] += stack[sp]; break;
            case OP_XOR: sp--, stack[sp - 1] ^= stack[sp]; break;
            case OP_DUP: stack[sp] = stack[sp - 1], sp++; break;
            case OP_SHIFT: stack[sp - 1] = stack[sp - 1] << 3 | stack[sp - 1] >> 29; break;
            case OP_SWAP:
                t = stack[sp - 1];
                stack[sp - 1] = stack[sp - 2];
                stack[sp - 2] = t;
                break;
            case OP_LOOP:
                pc = --left ? bytecode + *pc : pc + 1;
                sp = 1;
                break;
            }
        }
        sum += stack[0];
    }
    return sum;
}
KERNEL(int_bytecode, "int/bytecode", 64 * 16, "instruction of the stack machine");

static u32 int_bits(u32 reps)
{
    u32 x = 1, sum = 0;
    while (reps--) {
        u32 v = next(&x), n = 0;
        for (; v; v &= v - 1)
            n++;
        sum = (sum << 5 | sum >> 27) ^ n;
    }
    return sum;
}
KERNEL(int_bits, "int/bits", 1, "word");

static u32 int_divide(u32 reps)
{
    u32 sum = 0, d = 1;
    while (reps--) {
        d = d * 5 + 1;
        sum += (0x7fffffffu ^ sum) / (d | 1) + (s32)(sum ^ d) % 1000;
        HIDE(sum);
    }
    return sum;
}
KERNEL(int_divide, "int/divide", 2, "division");

#define TEXT_N 1024
static u8 text[TEXT_N], text_out[TEXT_N];

/* Bytes one by one: counts words, folds case, copies. */
static u32 int_text(u32 reps)
{
    u32 words = 0;
    for (u32 i = 0; i < TEXT_N; i++)
        text[i] = i % 7 == 6 ? ' ' : (u8)('A' + i % 26);
    while (reps--) {
        u32 in_word = 0;
        for (u32 i = 0; i < TEXT_N; i++) {
            u8 c = text[i];
            if (c >= 'A' && c <= 'Z')
                c = (u8)(c + 32);
            if (c == ' ')
                in_word = 0;
            else if (!in_word)
                in_word = 1, words++;
            text_out[i] = c;
        }
        words += text_out[reps % TEXT_N];
    }
    return words;
}
KERNEL(int_text, "int/text", TEXT_N, "byte");
