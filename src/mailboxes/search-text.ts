/** What the mailbox list's search looks in: the address and the person's names, in lower case. */
export function searchTextOf(mailbox: {
  address: string
  display_name: string | null
  first_name: string | null
  last_name: string | null
}): string {
  return [mailbox.address, mailbox.display_name, mailbox.first_name, mailbox.last_name]
    .filter((part) => part !== null && part !== '')
    .join(' ')
    .toLowerCase()
}
