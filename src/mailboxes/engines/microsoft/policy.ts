/** How Microsoft is asked, besides what holds for every service (../policy.ts). */
export const microsoftPolicy = {
  /** Of the service's own words, in characters. */
  messageMax: 500,
  /** Graph takes no larger request. */
  pictureBytesMax: 4 * 1024 ** 2,
  /** Graph gives no larger page of users. */
  usersPerPage: 999,
} as const
