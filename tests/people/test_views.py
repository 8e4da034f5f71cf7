def test_a_stranger_is_sent_to_sign_in(client):
    answer = client.get("/units")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/units"


def test_a_person_sees_the_units(make, sign_in):
    unit = make.unit("Digital Freedom")
    page = sign_in(make.person(unit=unit)).get("/units")
    assert page.status_code == 200
    assert "Digital Freedom" in page.text
