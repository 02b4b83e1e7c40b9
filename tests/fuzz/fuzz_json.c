/* The JSON check against cJSON, and against the strings that buf makes: what it accepts is JSON. */
#include "buf.h"
#include "json.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

/* Whether cJSON cannot be asked: it refuses lone surrogates and cuts numbers at 63 bytes. */
static bool beyond_cjson(const char *text, size_t len)
{
    size_t run = 0;

    for (size_t i = 0; i < len; i++) {
        bool surrogate =
            i + 2 < len && text[i] == '\\' && text[i + 1] == 'u' && (text[i + 2] | 0x20) == 'd';

        run = text[i] && strchr("0123456789+-.eE", text[i]) ? run + 1 : 0;
        if (surrogate || run > 62)
            return true;
    }
    return false;
}

static enum json_type type_of(const cJSON *item)
{
    static const struct {
        int cjson;
        enum json_type type;
    } rows[] = {
        {cJSON_Object, JSON_OBJECT}, {cJSON_Array, JSON_ARRAY}, {cJSON_String, JSON_STRING},
        {cJSON_Number, JSON_NUMBER}, {cJSON_True, JSON_TRUE},   {cJSON_False, JSON_FALSE},
        {cJSON_NULL, JSON_NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if ((item->type & 0xff) == rows[i].cjson)
            return rows[i].type;
    }
    return JSON_INVALID;
}

static void compare(const char *text, size_t len, enum json_type type, size_t value_end)
{
    const char *end = NULL;
    cJSON *item;

    if (beyond_cjson(text, len))
        return;
    item = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    require(item);
    require(type_of(item) == type);
    require((size_t)(end - text) == value_end);
    cJSON_Delete(item);
}

/* Whatever the bytes are, as a string of buf they are one valid JSON string. */
static void check_buf(const uint8_t *data, size_t size)
{
    struct buf b;

    buf_init(&b, 6 * size + 2);
    buf_json_string(&b, (const char *)data, size);
    require(buf_ok(&b));
    require(json_check(b.data, b.len, 0, NULL, NULL) == JSON_STRING);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = SIZE_MAX, len = SIZE_MAX;
    enum json_type type = json_check(text, size, 64, &at, &len);

    check_buf(data, size);
    if (type == JSON_INVALID) {
        require(at == SIZE_MAX && len == SIZE_MAX);
        return 0;
    }
    require(at <= size && len && len <= size - at);
    require(json_check(text + at, len, 64, NULL, NULL) == type);
    require(json_check(text, size, JSON_MAX_DEPTH, NULL, NULL) == type);
    if (type != JSON_NUMBER)
        require(json_check(text + at, len - 1, 64, NULL, NULL) == JSON_INVALID);
    compare(text, size, type, at + len);
    return 0;
}
