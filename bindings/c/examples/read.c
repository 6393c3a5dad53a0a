/* Reads a character from an image and from pen strokes:
 *
 *     read IMAGE.pgm INK
 *
 * The image is a binary PGM file of at most 255 grey values. The ink is a text: a stroke per line, x and y of each point. */
#include <hccr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP 5
#define MOST_POINTS 1000

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* What every call goes through. */
static void check(hccr_status status) {
    if (status != HCCR_STATUS_OK) fail("hccr", hccr_message());
}

static void print(const char *what, const hccr_candidate *candidates, size_t count) {
    size_t i;
    printf("%s", what);
    for (i = 0; i < count; i++) printf(" %s %.2f", candidates[i].utf8, candidates[i].probability);
    printf("\n");
}

static void read_image(const char *path) {
    unsigned width, height;
    unsigned char *pixels;
    hccr_recognizer *recognizer;
    hccr_candidate best[TOP];
    size_t count;
    FILE *file = fopen(path, "rb");

    if (!file) fail(path, "cannot be opened");
    if (fscanf(file, "P5 %5u %5u 255%*c", &width, &height) != 2) fail(path, "is no binary PGM file");
    pixels = (unsigned char *)malloc((size_t)width * height + 1);
    if (!pixels || fread(pixels, width, height, file) != height) fail(path, "has too few pixels");
    fclose(file);

    hccr_image image = {pixels, width, height, width, HCCR_PIXEL_FORMAT_GRAY};
    check(hccr_offline(&recognizer));
    check(hccr_read_image(recognizer, &image, best, TOP, &count));
    print("image:", best, count);
    hccr_free(recognizer);
    free(pixels);
}

/* Reads the strokes while they are written. */
static void read_ink(const char *path) {
    char line[4096];
    hccr_recognizer *recognizer;
    hccr_ink_session *session;
    hccr_candidate best[TOP];
    size_t count;
    FILE *file = fopen(path, "r");

    if (!file) fail(path, "cannot be opened");
    check(hccr_fused(&recognizer));
    check(hccr_ink_session_new(recognizer, NULL, &session));
    hccr_free(recognizer); /* the session lives on */
    while (fgets(line, sizeof line, file)) {
        hccr_point stroke[MOST_POINTS];
        size_t points = 0;
        char *number = strtok(line, " \n");
        while (number && points < MOST_POINTS) {
            stroke[points].x = strtof(number, NULL);
            number = strtok(NULL, " \n");
            if (!number) fail(path, "has an x without a y");
            stroke[points++].y = strtof(number, NULL);
            number = strtok(NULL, " \n");
        }
        check(hccr_ink_session_add_stroke(session, stroke, points));
        check(hccr_ink_session_candidates(session, best, TOP, &count));
        print("ink:", best, count);
    }
    fclose(file);
    hccr_ink_session_free(session);
}

int main(int argc, char **argv) {
    if (argc != 3) fail("usage", "read IMAGE.pgm INK");
    read_image(argv[1]);
    read_ink(argv[2]);
    return EXIT_SUCCESS;
}
