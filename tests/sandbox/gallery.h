#ifndef SANDBOX_GALLERY_H
#define SANDBOX_GALLERY_H
/*
 * gallery.h - the reads that list: whoami, gallery/all, gallery/{folderid}, gallery/folders.
 * [sandbox]
 */
struct answer;
struct call;

void gallery_whoami(struct call *call, struct answer *answer);
void gallery_all(struct call *call, struct answer *answer);
void gallery_folder(struct call *call, struct answer *answer);
void gallery_folders(struct call *call, struct answer *answer);

#endif
