/**
 * Products: what a mailbox was asked for as, where vendors sell more than one kind. Which service makes it is the
 * workspace's setting (mailboxes/service-mapping.ts), so that a client that asks for another vendor's product goes on
 * working. A domain may be for one of them alone.
 */
export const products = ['google', 'microsoft', 'azure', 'smtp', 'smtp_dedicated'] as const

export type Product = (typeof products)[number]
