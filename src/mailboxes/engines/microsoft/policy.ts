/** How Microsoft is asked, besides what holds for every service (../policy.ts). */
export const microsoftPolicy = {
  /** Of the service's own words, in characters. */
  messageMax: 500,
  /** Graph takes no larger request. */
  pictureBytesMax: 4 * 1024 ** 2,
  /** Graph gives up to 999; a page of users with many licences and addresses must be within the bound of a reply. */
  usersPerPage: 500,
} as const
