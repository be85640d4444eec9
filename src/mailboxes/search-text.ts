/**
 * What the mailbox list's search looks in: the address, the person's names and the custom fields' values, in lower case.
 * Notes are not in it: whoever has only this mailbox would find out by searching what is in them.
 */
export function searchTextOf(mailbox: {
  address: string
  display_name: string | null
  first_name: string | null
  last_name: string | null
  custom_fields: Readonly<Record<string, string>>
}): string {
  const { address, display_name, first_name, last_name, custom_fields } = mailbox
  return [address, display_name, first_name, last_name, ...Object.values(custom_fields)]
    .filter((part) => part !== null && part !== '')
    .join(' ')
    .toLowerCase()
}

/** What search text that has this in it is like. */
export function likePattern(search: string): string {
  return `%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
}
