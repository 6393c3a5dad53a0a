/*
 * hccr reads handwritten Chinese characters, from images of one, and from pen strokes of one or of several.
 *
 *     hccr_recognizer *recognizer;
 *     if (hccr_offline(&recognizer) != HCCR_STATUS_OK) { puts(hccr_message()); exit(1); }
 *     hccr_image image = {pixels, width, height, width, HCCR_PIXEL_FORMAT_GRAY};
 *     hccr_candidate best[5];
 *     size_t count;
 *     hccr_status status = hccr_read_image(recognizer, &image, best, 5, &count);
 *     hccr_free(recognizer);
 *
 * Errors. Functions return HCCR_STATUS_OK or what went wrong, and hccr_message() says it in English. After an error a count
 * is 0, a new handle is NULL, and what existed is as it was. A handle, count, image or array that is NULL is an error, where
 * nothing else is said here.
 *
 * Memory. What hccr_..._new, hccr_clone and the like make belongs to the caller, who frees it once. Nothing that the caller
 * passes is kept, and nothing else is the caller's to free. The library believes the lengths that it is given.
 *
 * Threads. A recognizer or a session serves one thread at a time; which one, may change. Two recognizers, or two sessions, are
 * never in each other's way, not even clones: make a clone per thread. hccr_clone, hccr_restrict, hccr_labels,
 * hccr_ink_session_new and hccr_line_session_new only look at their recognizer: several threads may call them for the same one
 * at the same time. The library starts no threads.
 *
 * Made from bindings/c/src by `cargo test -p hccr-c --test header`.
 */


#ifndef HCCR_H
#define HCCR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The most candidates of a segment.
#define HCCR_SEGMENT_CANDIDATES 10

// What came of a call.
typedef enum {
    // All is well.
    HCCR_STATUS_OK = 0,
    // A pointer is NULL, a length or a format is impossible, a text is no UTF-8, or the recognizer is of another kind.
    HCCR_STATUS_ARGUMENT = 1,
    // The bytes are no model file, or not one of such a recognizer.
    HCCR_STATUS_MODEL = 2,
    // There is nothing to read: the image has no ink, or the ink no points.
    HCCR_STATUS_EMPTY = 3,
    // An error of the library's own. Please report it; free the handle that was used.
    HCCR_STATUS_INTERNAL = 4,
} hccr_status;

// What the bytes of a pixel are, 8 bits per channel. Transparent is white paper.
typedef enum {
    // One byte, 255 white.
    HCCR_PIXEL_FORMAT_GRAY = 1,
    // Grey and alpha.
    HCCR_PIXEL_FORMAT_GRAY_ALPHA = 2,
    // Red, green, blue.
    HCCR_PIXEL_FORMAT_RGB = 3,
    // Red, green, blue, alpha; not premultiplied.
    HCCR_PIXEL_FORMAT_RGBA = 4,
} hccr_pixel_format;

// The strokes of one character while they are written, and their reading.
typedef struct hccr_ink_session hccr_ink_session;

// The strokes of several characters while they are written, side by side from left to right or over each other, and their
// reading.
typedef struct hccr_line_session hccr_line_session;

// Reads images (offline), pen strokes (online), or pen strokes by both networks (fused).
typedef struct hccr_recognizer hccr_recognizer;

// An image of one character, of any size, row by row from the top.
typedef struct {
    // `(height - 1) * stride + width * channels` bytes at least.
    const uint8_t *pixels;
    // Pixels per row.
    size_t width;
    // Number of rows.
    size_t height;
    // Bytes from the start of a row to that of the next.
    size_t stride;
    // One of `hccr_pixel_format`.
    int format;
} hccr_image;

// A character, and how likely it is the one that was written.
typedef struct {
    // Its number in Unicode.
    uint32_t codepoint;
    // From 0 to 1; those of all characters that the recognizer knows add up to 1.
    float probability;
    // The same character in UTF-8, and zeros.
    char utf8[8];
} hccr_candidate;

// A point of a pen's path, in any unit: `x` to the right, `y` downwards.
typedef struct {
    // To the right.
    float x;
    // Downwards.
    float y;
} hccr_point;

// The path of the pen from landing to lifting.
typedef struct {
    // `count` points; may be NULL where there are none.
    const hccr_point *points;
    // Number of points.
    size_t count;
} hccr_stroke;

// The box that a character is written in, in the unit of the points.
typedef struct {
    // The least x.
    float left;
    // The least y.
    float top;
    // Above 0.
    float width;
    // Above 0.
    float height;
} hccr_box;

// A character of a line.
typedef struct {
    // The number of its first stroke, counted from 0.
    size_t first_stroke;
    // The strokes from there that are its own.
    size_t stroke_count;
    // The bounding box of its points, in their unit; sides may be 0.
    hccr_box bounds;
    // The likeliest characters, the likeliest first.
    hccr_candidate candidates[HCCR_SEGMENT_CANDIDATES];
    // How many there are; none where a stroke is too long for a character.
    size_t candidate_count;
    // No stroke that is still to come can change the segment.
    bool is_stable;
} hccr_segment;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What went wrong in the last call on this thread that failed, in English; "" before the first. The text stands until another
// call fails on this thread, or it ends.
const char *hccr_message(void);

// A recognizer of images, with the model in the box.
hccr_status hccr_offline(hccr_recognizer **recognizer);

// A recognizer of pen strokes, with the model in the box.
hccr_status hccr_online(hccr_recognizer **recognizer);

// A recognizer of pen strokes that also looks at their image, so that their order hardly matters, with the models in the box.
hccr_status hccr_fused(hccr_recognizer **recognizer);

// A recognizer of images, for the bytes of a model file. They are not needed afterwards.
hccr_status hccr_offline_from_bytes(const uint8_t *model, size_t size, hccr_recognizer **recognizer);

// A recognizer of pen strokes, for the bytes of a model file. They are not needed afterwards.
hccr_status hccr_online_from_bytes(const uint8_t *model, size_t size, hccr_recognizer **recognizer);

// A recognizer of pen strokes and their image, for two model files of the same characters.
hccr_status hccr_fused_from_bytes(const uint8_t *online,
                                  size_t online_size,
                                  const uint8_t *offline,
                                  size_t offline_size,
                                  hccr_recognizer **recognizer);

// The same recognizer for another thread: it shares the weights, and has working memory of its own.
hccr_status hccr_clone(const hccr_recognizer *recognizer, hccr_recognizer **clone);

// The same recognizer for some of its characters, a text in UTF-8: it answers as if there were no others. It shares the
// weights, and has working memory of its own.
hccr_status hccr_restrict(const hccr_recognizer *recognizer,
                          const char *characters,
                          hccr_recognizer **restricted);

// Frees a recognizer. NULL is fine. Sessions made of it live on.
void hccr_free(hccr_recognizer *recognizer);

// The characters that the recognizer knows, by their numbers in Unicode: writes the first `capacity` of them, and their number
// in all into `count`.
hccr_status hccr_labels(const hccr_recognizer *recognizer,
                        uint32_t *codepoints,
                        size_t capacity,
                        size_t *count);

// The likeliest characters of an image, the likeliest first: at most `capacity`, and their number into `count`. For an offline
// recognizer.
hccr_status hccr_read_image(hccr_recognizer *recognizer,
                            const hccr_image *image,
                            hccr_candidate *candidates,
                            size_t capacity,
                            size_t *count);

// The likeliest characters of pen strokes, the likeliest first: at most `capacity`, and their number into `count`. For an
// online or a fused recognizer. `writing_box` may be NULL: the bounding box of the strokes.
hccr_status hccr_read_ink(hccr_recognizer *recognizer,
                          const hccr_stroke *strokes,
                          size_t stroke_count,
                          const hccr_box *writing_box,
                          hccr_candidate *candidates,
                          size_t capacity,
                          size_t *count);

// Begins a character, for an online or a fused recognizer. `writing_box` may be NULL: the bounding box of the strokes so far. With
// a box, an online recognizer does work for new points alone.
hccr_status hccr_ink_session_new(const hccr_recognizer *recognizer,
                                 const hccr_box *writing_box,
                                 hccr_ink_session **session);

// Frees a session. NULL is fine.
void hccr_ink_session_free(hccr_ink_session *session);

// The pen has landed: begins a stroke with `count` points. `hccr_ink_session_add_points` may go on with it.
hccr_status hccr_ink_session_add_stroke(hccr_ink_session *session, const hccr_point *points, size_t count);

// The pen has moved: goes on with the last stroke, or begins the first.
hccr_status hccr_ink_session_add_points(hccr_ink_session *session, const hccr_point *points, size_t count);

// Takes the last stroke back. Without strokes it does nothing.
hccr_status hccr_ink_session_undo_stroke(hccr_ink_session *session);

// Takes all strokes back, for the next character.
hccr_status hccr_ink_session_clear(hccr_ink_session *session);

// The likeliest characters of the strokes so far, as `hccr_read_ink` finds them.
hccr_status hccr_ink_session_candidates(hccr_ink_session *session,
                                        hccr_candidate *candidates,
                                        size_t capacity,
                                        size_t *count);

// Begins a line of characters, for an online or a fused recognizer. Nobody needs to say where a character ends.
hccr_status hccr_line_session_new(const hccr_recognizer *recognizer,
                                  hccr_line_session **session);

// Frees a session. NULL is fine.
void hccr_line_session_free(hccr_line_session *session);

// The pen has landed: begins a stroke with `count` points. `hccr_line_session_add_points` may go on with it.
hccr_status hccr_line_session_add_stroke(hccr_line_session *session, const hccr_point *points, size_t count);

// The pen has moved: goes on with the last stroke, or begins the first.
hccr_status hccr_line_session_add_points(hccr_line_session *session, const hccr_point *points, size_t count);

// Takes the last stroke back. Without strokes it does nothing.
hccr_status hccr_line_session_undo_stroke(hccr_line_session *session);

// Takes all strokes back, for the next line.
hccr_status hccr_line_session_clear(hccr_line_session *session);

// The characters of the line so far, in the order they were written: writes the first `capacity` of them, and their number in all
// into `count`.
hccr_status hccr_line_session_segments(hccr_line_session *session,
                                       hccr_segment *segments,
                                       size_t capacity,
                                       size_t *count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HCCR_H */
