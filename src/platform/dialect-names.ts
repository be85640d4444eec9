/** The dialects that there are, by the names that their prefixes and the settings have. */
export const dialectNames = ['scaleway', 'inkbox', 'inboxedup', 'inboxkit', 'zapmail'] as const
export type DialectName = (typeof dialectNames)[number]
