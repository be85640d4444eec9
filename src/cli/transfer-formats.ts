/** In what form a mailbox is written to files. */
export const transferFormats = ['mbox', 'maildir', 'zip'] as const
export type TransferFormat = (typeof transferFormats)[number]
