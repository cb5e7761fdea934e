# address, authres, judge: added to frank_mail.
target_sources(frank_mail PRIVATE ${CMAKE_CURRENT_LIST_DIR}/address.c
  ${CMAKE_CURRENT_LIST_DIR}/authres.c ${CMAKE_CURRENT_LIST_DIR}/judge.c
  ${CMAKE_CURRENT_LIST_DIR}/judge_field.c)
