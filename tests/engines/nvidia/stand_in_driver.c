/* A stand-in for libcuda.so.1 on machines without a GPU: device memory is malloc, and streams are lazy.
 *
 * It exists so that the real bindings run in the tests, argument for argument. It proves nothing about a GPU.
 * Work in a stream is done as late as is allowed: when someone waits for it, and no more of it than was waited for.
 * So a missing wait, or a buffer that is filled before its copy was awaited, gives a wrong picture.
 * STANDIN_FAIL=cuMemAlloc:2 makes a function return an error; standin_live() counts what was not given back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID_VALUE = 1, INVALID_HANDLE = 400, NOT_FOUND = 500 };
enum { STREAM = 0x57, EVENT = 0xE7, GRAPH = 0x67, EXEC = 0xE8 };

enum { COPY, CALL, WAIT, MARK };
typedef struct Thing Thing;
typedef struct { int what; void *to; const void *from; size_t n; void (*call)(void *); Thing *on; long until; } Op;
struct Thing { int kind, capturing; long added, done, until; double at; Op *op; Thing *graph, *stream; };
enum { ROOM = 4096 };

static int live, initialised, retained;
static void *current, *below[8];
static int depth;
static double clock_ms;

int standin_live(void) { return live + retained; }

static int failing(const char *name) {
    const char *wanted = getenv("STANDIN_FAIL");
    size_t n = strlen(name);
    if (wanted && !strncmp(wanted, name, n) && wanted[n] == ':') return atoi(wanted + n + 1);
    return initialised || !strcmp(name, "cuInit") ? 0 : 3;
}
#define CHECK(name) do { int code_ = failing(name); if (code_) return code_; } while (0)
#define CURRENT() do { if (!current) return 201; } while (0)
#define IS(thing, what) do { if (!(thing) || ((Thing *)(thing))->kind != (what)) return INVALID_HANDLE; } while (0)

static Thing *make(int kind) { Thing *t = calloc(1, sizeof *t); t->kind = kind; t->op = calloc(ROOM, sizeof(Op)); live++; return t; }
static int drop(Thing *t, int kind) { IS(t, kind); t->kind = 0; free(t->op); live--; return 0; }

int cuInit(unsigned flags) { CHECK("cuInit"); initialised = 1; return flags ? INVALID_VALUE : 0; }
int cuDriverGetVersion(int *v) { const char *s = getenv("STANDIN_DRIVER"); *v = s ? atoi(s) : 13000; return 0; }
int cuDeviceGetCount(int *n) { CHECK("cuDeviceGetCount"); const char *s = getenv("STANDIN_GPUS"); *n = s ? atoi(s) : 1; return 0; }
int cuDeviceGet(int *d, int i) { CHECK("cuDeviceGet"); *d = 0; return i ? 101 : 0; }
int cuDeviceGetName(char *s, int n, int d) { snprintf(s, n, "Stand-in GPU"); return d ? 101 : 0; }
int cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? 8 : a == 76 ? 9 : 0; return d ? 101 : 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { *n = (size_t)8 << 30; return d ? 101 : 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { CHECK("cuDevicePrimaryCtxRetain"); *c = &retained; retained++; return d ? 101 : 0; }
int cuDevicePrimaryCtxRelease_v2(int d) { if (!retained) return 201; retained--; return d ? 101 : 0; }
int cuCtxSetCurrent(void *c) { CHECK("cuCtxSetCurrent"); current = c; return 0; }
int cuCtxGetCurrent(void **c) { *c = current; return 0; }
int cuCtxPushCurrent_v2(void *c) { if (depth == 8) return INVALID_VALUE; below[depth++] = current; current = c; return 0; }
int cuCtxPopCurrent_v2(void **c) { if (!depth) return 201; if (c) *c = current; current = below[--depth]; return 0; }
int cuCtxGetDevice(int *d) { CURRENT(); *d = 0; return 0; }

static const struct { int code; const char *name; } NAMES[] = {
    {0, "CUDA_SUCCESS"}, {1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {3, "CUDA_ERROR_NOT_INITIALIZED"},
    {34, "CUDA_ERROR_STUB_LIBRARY"}, {100, "CUDA_ERROR_NO_DEVICE"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"}, {999, "CUDA_ERROR_UNKNOWN"}};
int cuGetErrorName(int code, const char **s) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) if (NAMES[i].code == code) { *s = NAMES[i].name; return 0; }
    *s = NULL; return INVALID_VALUE;
}
int cuGetErrorString(int code, const char **s) { /* the real driver's words, for those that PyCUDA is asked for */
    *s = code == 2 ? "out of memory" : code == 100 ? "no CUDA-capable device is detected"
        : code == 700 ? "an illegal memory access was encountered" : code == 999 ? "unknown error" : "some error";
    return 0;
}

int cuMemAlloc_v2(uintptr_t *p, size_t n) { CHECK("cuMemAlloc"); CURRENT(); *p = (uintptr_t)malloc(n); live++; return 0; }
int cuMemFree_v2(uintptr_t p) { CURRENT(); free((void *)p); live--; return 0; }
int cuMemHostAlloc(void **p, size_t n, unsigned f) { CHECK("cuMemHostAlloc"); CURRENT(); (void)f; *p = malloc(n); memset(*p, 0xAB, n); live++; return 0; }
int cuMemFreeHost(void *p) { CURRENT(); free(p); live--; return 0; }

static void run(Thing *s, long until) {
    while (s->done < until) {
        Op o = s->op[s->done++ % ROOM];
        if (o.what == COPY) memcpy(o.to, o.from, o.n);
        else if (o.what == CALL) o.call(o.to);
        else if (o.what == WAIT) run(o.on, o.until);
        else o.on->at = ++clock_ms;
    }
}
static int add(Thing *s, Op o) {
    IS(s, STREAM);
    if (s->capturing) { Thing *g = s->graph; if (g->added == ROOM) return INVALID_VALUE; g->op[g->added++] = o; return 0; }
    if (s->added - s->done == ROOM) run(s, s->added);
    s->op[s->added++ % ROOM] = o;
    return 0;
}

int cuStreamCreate(Thing **s, unsigned flags) { CHECK("cuStreamCreate"); CURRENT(); *s = make(STREAM); return flags == 1 ? 0 : INVALID_VALUE; }
int cuStreamDestroy_v2(Thing *s) { return drop(s, STREAM); }
int cuStreamSynchronize(Thing *s) { CHECK("cuStreamSynchronize"); IS(s, STREAM); run(s, s->added); return 0; }
int cuStreamWaitEvent(Thing *s, Thing *e, unsigned f) {
    CHECK("cuStreamWaitEvent"); IS(e, EVENT);
    if (f || !e->stream) return f ? INVALID_VALUE : 0;
    return add(s, (Op){.what = WAIT, .on = e->stream, .until = e->until});
}
int cuEventCreate(Thing **e, unsigned f) { CHECK("cuEventCreate"); CURRENT(); *e = make(EVENT); return f ? INVALID_VALUE : 0; }
int cuEventDestroy_v2(Thing *e) { return drop(e, EVENT); }
int cuEventRecord(Thing *e, Thing *s) {
    CHECK("cuEventRecord"); IS(e, EVENT); IS(s, STREAM);
    int code = add(s, (Op){.what = MARK, .on = e});
    e->stream = s; e->until = s->added;
    return code;
}
int cuEventSynchronize(Thing *e) { CHECK("cuEventSynchronize"); IS(e, EVENT); if (e->stream) run(e->stream, e->until); return 0; }
int cuEventElapsedTime(float *ms, Thing *a, Thing *b) { IS(a, EVENT); IS(b, EVENT); if (!a->at || !b->at) return INVALID_HANDLE; *ms = (float)(b->at - a->at); return 0; }
int cuEventElapsedTime_v2(float *ms, Thing *a, Thing *b) { return cuEventElapsedTime(ms, a, b); }

int cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t n, Thing *s) { CHECK("cuMemcpyHtoDAsync"); CURRENT(); return add(s, (Op){.what = COPY, .to = (void *)to, .from = from, .n = n}); }
int cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t n, Thing *s) { CHECK("cuMemcpyDtoHAsync"); CURRENT(); return add(s, (Op){.what = COPY, .to = to, .from = (void *)from, .n = n}); }
int cuLaunchHostFunc(Thing *s, void (*call)(void *), void *data) { CURRENT(); return add(s, (Op){.what = CALL, .call = call, .to = data}); }

int cuStreamBeginCapture_v2(Thing *s, int mode) { CHECK("cuStreamBeginCapture"); IS(s, STREAM); s->capturing = 1; s->graph = make(GRAPH); return mode == 2 ? 0 : INVALID_VALUE; }
int cuStreamEndCapture(Thing *s, Thing **g) { IS(s, STREAM); s->capturing = 0; *g = s->graph; return 0; }
int cuGraphInstantiateWithFlags(Thing **x, Thing *g, unsigned long long f) { CHECK("cuGraphInstantiate"); IS(g, GRAPH); *x = make(EXEC); (*x)->graph = g; return f ? INVALID_VALUE : 0; }
int cuGraphLaunch(Thing *x, Thing *s) {
    CHECK("cuGraphLaunch"); IS(x, EXEC);
    for (long i = 0; i < x->graph->added; i++) { int code = add(s, x->graph->op[i]); if (code) return code; }
    return 0;
}
int cuGraphExecDestroy(Thing *x) { return drop(x, EXEC); }
int cuGraphDestroy(Thing *g) { return drop(g, GRAPH); }

#define E(base, function) {#base, (void *)function}
static const struct { const char *name; void *function; } TABLE[] = {
    E(cuInit, cuInit), E(cuDriverGetVersion, cuDriverGetVersion), E(cuDeviceGetCount, cuDeviceGetCount), E(cuDeviceGet, cuDeviceGet),
    E(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain), E(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2),
    E(cuCtxSetCurrent, cuCtxSetCurrent), E(cuCtxGetCurrent, cuCtxGetCurrent), E(cuGetErrorName, cuGetErrorName), E(cuGetErrorString, cuGetErrorString),
    E(cuMemAlloc, cuMemAlloc_v2), E(cuMemFree, cuMemFree_v2), E(cuMemHostAlloc, cuMemHostAlloc), E(cuMemFreeHost, cuMemFreeHost),
    E(cuStreamCreate, cuStreamCreate), E(cuStreamDestroy, cuStreamDestroy_v2), E(cuStreamSynchronize, cuStreamSynchronize),
    E(cuStreamWaitEvent, cuStreamWaitEvent), E(cuEventCreate, cuEventCreate), E(cuEventDestroy, cuEventDestroy_v2), E(cuEventRecord, cuEventRecord),
    E(cuEventSynchronize, cuEventSynchronize), E(cuEventElapsedTime, cuEventElapsedTime), E(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2),
    E(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2), E(cuLaunchHostFunc, cuLaunchHostFunc), E(cuStreamBeginCapture, cuStreamBeginCapture_v2), E(cuStreamEndCapture, cuStreamEndCapture),
    E(cuGraphInstantiate, cuGraphInstantiateWithFlags), E(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags), E(cuGraphLaunch, cuGraphLaunch),
    E(cuGraphExecDestroy, cuGraphExecDestroy), E(cuGraphDestroy, cuGraphDestroy)};
int cuGetProcAddress_v2(const char *name, void **f, int version, uint64_t flags, int *status) {
    (void)version; (void)flags;
    *f = NULL;
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) if (!strcmp(TABLE[i].name, name)) *f = TABLE[i].function;
    if (!strcmp(name, "cuGetProcAddress")) *f = (void *)cuGetProcAddress_v2;
    if (status) *status = *f ? 0 : 1;
    return *f ? 0 : NOT_FOUND;
}
int cuGetProcAddress(const char *name, void **f, int version, uint64_t flags) { return cuGetProcAddress_v2(name, f, version, flags, NULL); }
